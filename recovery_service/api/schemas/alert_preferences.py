"""How staff are told of alerts, on the wire."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from recovery_service.api.schemas.base import Instant, RequestSchema, ResponseSchema, Text
from recovery_service.api.schemas.devices import SubscriptionRequest
from recovery_service.api.schemas.staff import ALERT_MAIL
from recovery_service.services.alert_preferences import NewStaffDevice


def _least(way: str, **options: Any) -> fields.String:
    """Return a field for the least pressing tier; what is more pressing comes that way, too."""
    told = {"enum": list(ALERT_MAIL), "description": f"The least pressing alerts told by {way}"}
    return fields.String(validate=validate.OneOf(ALERT_MAIL), metadata=told, **options)


class AlertPreferencesRequest(RequestSchema):
    """What is wanted from now on; what is absent stays."""

    mail = _least("mail")
    push = _least("push")

    @post_load
    def to_changes(self, loaded: dict[str, Any], **_: object) -> dict[str, Any]:
        """Refuse a change that changes nothing."""
        if not loaded:
            raise ValidationError("Name at least one field to change.")
        return loaded


class AlertPreferencesSchema(ResponseSchema):
    """What is wanted. Who has no browser to push to is told by mail alone, or passed over."""

    mail = _least("mail", required=True)
    push = _least("push", required=True)


class StaffDeviceRequest(RequestSchema):
    """A browser that allows pushes."""

    subscription = fields.Nested(SubscriptionRequest, required=True)
    name = Text(100, empty=True, load_default="")

    @post_load
    def to_device(self, loaded: dict[str, Any], **_: object) -> NewStaffDevice:
        """Return the browser."""
        return NewStaffDevice(**loaded)


class StaffDeviceSchema(ResponseSchema):
    """A browser that is pushed to; its address and keys are not shown."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    created_at = Instant(required=True)


class StaffDeviceListSchema(ResponseSchema):
    """One's browsers, newest first; there are ten at most."""

    items = fields.List(fields.Nested(StaffDeviceSchema), required=True)
