"""Enrolling a phone: what the app sends, and what lets it in."""

from typing import Any

from marshmallow import fields, post_load, validate

from recovery_service.api.schemas.base import LocalDate, RequestSchema, Text
from recovery_service.api.schemas.devices import locale_field, zone_field
from recovery_service.api.schemas.me import ProfileSchema
from recovery_service.api.schemas.tokens import TokenPairSchema
from recovery_service.services.devices import NewDevice
from recovery_service.services.redemption import NewEnrolment

LONGEST_CODE = 40
LONGEST_KEY = 2000
MOST_CONSENTS = 20


class NewDeviceRequest(RequestSchema):
    """The app's installation; it chooses its id once and keeps it."""

    id = fields.UUID(required=True)
    name = Text(100, required=True, empty=True)
    platform = Text(16, required=True, metadata={"example": "ios"})
    time_zone = zone_field()
    locale = locale_field(required=True)
    app_version = Text(32, required=True, empty=True)
    public_key = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, LONGEST_KEY),
        metadata={"description": "Of the device's own key pair, which never leaves it"},
    )

    @post_load
    def to_device(self, loaded: dict[str, Any], **_: object) -> NewDevice:
        """Return the device."""
        return NewDevice(**loaded)


class ConsentRequest(RequestSchema):
    """A document in the version that the patient agreed to."""

    document = Text(64, required=True)
    version = Text(32, required=True)


class EnrolmentRequest(RequestSchema):
    """The code from the clinic, however it was typed, and the patient's date of birth."""

    code = Text(LONGEST_CODE, required=True, metadata={"example": "7KQ2-M9TX"})
    date_of_birth = LocalDate(required=True)
    device = fields.Nested(NewDeviceRequest, required=True)
    consents = fields.List(
        fields.Nested(ConsentRequest), required=True, validate=validate.Length(max=MOST_CONSENTS)
    )

    @post_load
    def to_enrolment(self, loaded: dict[str, Any], **_: object) -> NewEnrolment:
        """Return the enrolment."""
        agreed = [(each["document"], each["version"]) for each in loaded.pop("consents")]
        return NewEnrolment(**loaded, consents=tuple(dict.fromkeys(agreed)))


class EnrolmentSchema(TokenPairSchema):
    """The tokens of the phone, and whose phone it is."""

    patient = fields.Nested(ProfileSchema, required=True)
