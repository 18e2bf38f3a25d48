"""The audit trail on the wire."""

from datetime import datetime
from typing import Any

from marshmallow import ValidationError, fields, post_load

from recovery_service.api.pagination import PageArguments, PageRequest
from recovery_service.api.schemas.base import Instant, ResponseSchema, Text
from recovery_service.services.audit_trail import AuditQuery


class AuditArguments(PageArguments):
    """Which events, and which page of them."""

    actor = fields.UUID(load_default=None, metadata={"description": "Who did it"})
    patient = fields.UUID(load_default=None, metadata={"description": "Whom it concerned"})
    action = Text(64, load_default=None, metadata={"example": "patient_read"})
    since = Instant(
        data_key="from", load_default=None, metadata={"description": "From this instant on"}
    )
    until = Instant(
        data_key="to", load_default=None, metadata={"description": "Before this instant"}
    )

    @post_load
    def to_request(self, loaded: dict[str, Any], **_: object) -> Any:
        """Return the page and what it is a page of."""
        since: datetime | None = loaded["since"]
        until: datetime | None = loaded["until"]
        if since is not None and until is not None and until <= since:
            raise ValidationError("Must be after `from`.", "to")
        page = PageRequest(limit=loaded.pop("limit"), cursor=loaded.pop("cursor"))
        return page, AuditQuery(**loaded)


class AuditEventSchema(ResponseSchema):
    """One thing that somebody saw or did: identifiers only, never values."""

    id = fields.UUID(attribute="event.id", required=True)
    at = fields.AwareDateTime(attribute="event.at", required=True)
    action = fields.String(
        attribute="event.action", required=True, metadata={"example": "patient_read"}
    )
    actor_kind = fields.String(
        attribute="event.actor_kind",
        required=True,
        metadata={"enum": ["staff", "patient", "system"]},
    )
    actor_id = fields.UUID(attribute="event.actor_id", required=True, allow_none=True)
    actor_name = fields.String(
        required=True, allow_none=True, metadata={"description": "Of a member of staff"}
    )
    subject_kind = fields.String(attribute="event.subject_kind", required=True)
    subject_id = fields.String(attribute="event.subject_id", required=True, allow_none=True)
    patient_id = fields.UUID(attribute="event.patient_id", required=True, allow_none=True)
    request_id = fields.String(attribute="event.request_id", required=True, allow_none=True)
