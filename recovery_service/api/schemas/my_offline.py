"""What a phone keeps for a week without a network."""

from marshmallow import fields

from recovery_service.api.schemas.base import Instant, LocalDate, ResponseSchema
from recovery_service.api.schemas.me import MeSchema, phones_field
from recovery_service.api.schemas.my_agenda import MyAgendaSchema
from recovery_service.api.schemas.my_check_ins import FormSchema
from recovery_service.api.schemas.my_plan import MyPlanSchema
from recovery_service.api.schemas.notifications import NotificationSchema


class FormOfDateSchema(ResponseSchema):
    """The questions of one local date."""

    date = LocalDate(required=True)
    form = fields.Nested(FormSchema, required=True)


class OfflineSchema(ResponseSchema):
    """Everything that the app shows in the coming week, as of one instant."""

    as_of = LocalDate(required=True, metadata={"description": "The patient's local date"})
    valid_until = Instant(
        required=True,
        metadata={"description": "Up to here it is complete; fetch it again long before"},
    )
    me = fields.Nested(MeSchema, required=True)
    plan = fields.Nested(MyPlanSchema, required=True)
    agenda = fields.Nested(
        MyAgendaSchema, required=True, metadata={"description": "Of today and the next 7 days"}
    )
    check_in_forms = fields.List(
        fields.Nested(FormOfDateSchema),
        required=True,
        metadata={"description": "One for each date of the agenda"},
    )
    phones = phones_field()
    notifications = fields.List(
        fields.Nested(NotificationSchema),
        required=True,
        metadata={"description": "The newest of the inbox"},
    )
    safety_rules = fields.String(
        required=True,
        metadata={"description": "Where the signed rules for offline advice are"},
    )
