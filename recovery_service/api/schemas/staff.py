"""Members of staff on the wire."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from recovery_service.api.schemas.base import RequestSchema, ResponseSchema, Text, TrueOrFalse
from recovery_service.domain.access import STAFF
from recovery_service.domain.escalation import NEVER
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.red_flag_rules import TIERS
from recovery_service.reminders.channels.email import BadMailbox, check_mailbox
from recovery_service.services.passwords import LONGEST
from recovery_service.services.staff import NewStaffMember

ROLES = sorted(role.value for role in STAFF)
ALERT_MAIL = (*TIERS, NEVER)
_ADMIN_ONLY = {"description": "Shown to admins"}


def _mailbox(address: str) -> None:
    try:
        check_mailbox(address.strip())
    except BadMailbox as refusal:
        raise ValidationError(str(refusal)) from None


def _roles(**kwargs: Any) -> fields.List[str]:
    role = fields.String(validate=validate.OneOf(ROLES))
    return fields.List(role, validate=validate.Length(1, len(ROLES)), **kwargs)


class StaffChanges(RequestSchema):
    """What can be changed of somebody; what is absent stays.

    `disabled` and a new `password` end every session at once.
    """

    email = fields.String(validate=_mailbox)
    name = Text(200)
    roles = _roles()
    locale = fields.String(validate=validate.OneOf(LANGUAGES))
    password = fields.String(validate=validate.Length(max=LONGEST))
    disabled = TrueOrFalse()
    alert_mail = fields.String(
        validate=validate.OneOf(ALERT_MAIL),
        metadata={"description": "The least pressing alerts of which they are mailed"},
    )

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> Any:
        """Refuse a change that changes nothing."""
        if not loaded:
            raise ValidationError("Name at least one field to change.")
        return loaded


class NewStaffRequest(RequestSchema):
    """Somebody who is to work here; without a password they cannot sign in yet."""

    email = fields.String(required=True, validate=_mailbox)
    name = Text(200, required=True)
    roles = _roles(required=True)
    locale = fields.String(load_default="en", validate=validate.OneOf(LANGUAGES))
    password = fields.String(
        load_default=None, allow_none=True, validate=validate.Length(max=LONGEST)
    )

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewStaffMember:
        """Return the person as the service takes it."""
        return NewStaffMember(**loaded)


class StaffMemberSchema(ResponseSchema):
    """A colleague as everybody in the clinic sees them; the rest is shown to admins."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    roles = fields.List(fields.String(), required=True, metadata={"example": ["physiotherapist"]})
    disabled_at = fields.AwareDateTime(required=True, allow_none=True)
    email = fields.String(metadata=_ADMIN_ONLY)
    locale = fields.String(metadata=_ADMIN_ONLY)
    second_factor = fields.Boolean(
        metadata={"description": "Whether a one-time code is asked for; shown to admins"}
    )
    alert_mail = fields.String(metadata=_ADMIN_ONLY | {"enum": list(ALERT_MAIL)})
    version = fields.Integer(metadata=_ADMIN_ONLY)
    created_at = fields.AwareDateTime(metadata=_ADMIN_ONLY)
    updated_at = fields.AwareDateTime(metadata=_ADMIN_ONLY)
