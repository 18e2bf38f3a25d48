"""The timeline on the wire."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from recovery_service.api.pagination import PageArguments, PageRequest
from recovery_service.api.schemas.base import ResponseSchema
from recovery_service.services.timeline import TYPES, USUAL


class Types(fields.String):
    """Names of happenings, separated by commas."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        names = super()._deserialize(value, attr, data, **kwargs).split(",")
        if not set(names) <= set(TYPES):
            raise ValidationError(f"Each must be one of {', '.join(TYPES)}.")
        return tuple(dict.fromkeys(names))


class TimelineArguments(PageArguments):
    """Which happenings, and which page of them."""

    types = Types(
        load_default=USUAL,
        metadata={
            "description": f"Of {', '.join(TYPES)}, by comma; all but delivery if absent",
            "example": "check_in,plan",
        },
    )

    @post_load
    def to_request(self, loaded: dict[str, Any], **_: object) -> Any:
        """Return the page and the types."""
        return PageRequest(limit=loaded["limit"], cursor=loaded["cursor"]), loaded["types"]


class HappeningSchema(ResponseSchema):
    """Something that happened in an episode."""

    id = fields.String(attribute="key", required=True)
    at = fields.AwareDateTime(required=True)
    type = fields.String(required=True, validate=validate.OneOf(TYPES))
    event = fields.String(required=True, metadata={"example": "plan_published"})
    subject_id = fields.String(required=True)
    actor_id = fields.UUID(
        required=True,
        allow_none=True,
        metadata={"description": "The member of staff; null for the patient or the service"},
    )
    actor_name = fields.String(required=True, allow_none=True)
    title = fields.String(required=True, allow_none=True)
    details = fields.Dict(required=True)
