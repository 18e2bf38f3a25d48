"""Absences of staff on the wire."""

from typing import Any

from marshmallow import fields, post_load

from recovery_service.api.schemas.base import LocalDate, RequestSchema, ResponseSchema
from recovery_service.services.absences import NewAbsence


class AbsenceRequest(RequestSchema):
    """Days on which somebody is away, both included, and who stands in."""

    from_date = LocalDate(required=True, data_key="from")
    to_date = LocalDate(required=True, data_key="to")
    cover = fields.UUID(
        allow_none=True,
        load_default=None,
        metadata={"description": "Who gets their alerts; nobody: the care team does"},
    )

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewAbsence:
        """Return the absence."""
        return NewAbsence(**loaded)


class AbsenceSchema(ResponseSchema):
    """An absence."""

    id = fields.UUID(required=True)
    staff_id = fields.UUID(required=True)
    from_date = LocalDate(required=True, data_key="from")
    to_date = LocalDate(required=True, data_key="to")
    cover = fields.UUID(required=True, allow_none=True, attribute="cover_id")


class AbsenceListSchema(ResponseSchema):
    """A colleague's absences, the latest first."""

    items = fields.List(fields.Nested(AbsenceSchema), required=True)
