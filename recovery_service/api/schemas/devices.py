"""Devices as they report themselves and as their list shows them."""

from base64 import b64decode, urlsafe_b64encode
from datetime import UTC
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from recovery_service.api.schemas.base import (
    Instant,
    RequestSchema,
    ResponseSchema,
    Text,
    TrueOrFalse,
    WholeNumber,
)
from recovery_service.domain.local_time import is_zone
from recovery_service.reminders.channels.addresses import MAX_URL
from recovery_service.reminders.channels.device_tokens import (
    LONGEST_TOKEN,
    BadToken,
    check_token,
)
from recovery_service.services.destinations import PUSH
from recovery_service.services.devices import DeviceReport

PERMISSIONS = ("granted", "denied", "unknown")
_POINT_BYTES = 65
_AUTH_BYTES = 16
_INT4 = 2**31 - 1


def zone_field(**options: Any) -> fields.String:
    """Return a field that takes the name of an IANA zone."""
    return fields.String(
        validate=known_zone, metadata={"example": "Europe/London"}, required=True, **options
    )


def locale_field(**options: Any) -> fields.String:
    """Return a field that takes a BCP 47 locale; texts exist in `en` and `tr`."""
    rule = validate.Regexp(
        r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,2}\Z", error="Not a locale such as en or tr-TR."
    )
    return fields.String(
        validate=[validate.Length(max=16), rule], metadata={"example": "en"}, **options
    )


def known_zone(name: str) -> None:
    """Refuse what is not exactly the name of an IANA zone."""
    if not is_zone(name):
        raise ValidationError("Not an IANA time zone.")


class SubscriptionKeys(RequestSchema):
    """The keys of a browser's subscription (RFC 8291), base64url."""

    p256dh = fields.String(required=True, validate=validate.Length(1, 200))
    auth = fields.String(required=True, validate=validate.Length(1, 100))

    @post_load
    def to_canonical(self, loaded: dict[str, str], **_: object) -> dict[str, str]:
        """Return both keys unpadded; raises where one cannot be a key."""
        found = {name: _decoded(text) for name, text in loaded.items()}
        wrong = {}
        if not _is_point(found["p256dh"]):
            wrong["p256dh"] = ["Must be an uncompressed point of P-256, 65 bytes in base64url."]
        if len(found["auth"]) != _AUTH_BYTES:
            wrong["auth"] = [f"Must be {_AUTH_BYTES} bytes in base64url."]
        if wrong:
            raise ValidationError(wrong)
        return {name: urlsafe_b64encode(raw).rstrip(b"=").decode() for name, raw in found.items()}


class SubscriptionRequest(RequestSchema):
    """What a browser's `PushSubscription.toJSON()` gives."""

    endpoint = fields.String(required=True, validate=validate.Length(1, MAX_URL))
    keys = fields.Nested(SubscriptionKeys, required=True)
    expiration_time = fields.Raw(
        data_key="expirationTime",
        load_only=True,
        allow_none=True,
        metadata={"type": "number", "description": "Not used"},
    )

    @post_load
    def to_subscription(self, loaded: dict[str, Any], **_: object) -> dict[str, Any]:
        """Return what a push needs, and nothing else."""
        return {"endpoint": loaded["endpoint"], "keys": loaded["keys"]}


class DeviceRequest(RequestSchema):
    """What a device says of itself. What is left out stays as it is."""

    platform = fields.String(required=True, validate=validate.OneOf(PUSH))
    permission = fields.String(required=True, validate=validate.OneOf(PERMISSIONS))
    subscription = fields.Nested(
        SubscriptionRequest,
        allow_none=True,
        metadata={"description": "For `webpush`; null withdraws the one before"},
    )
    token = Text(
        LONGEST_TOKEN,
        allow_none=True,
        metadata={
            "description": "For `fcm` its registration token, for `apns` the device token "
            "as hexadecimal digits; null withdraws the one before"
        },
    )
    time_zone = zone_field()
    locale = locale_field(required=True)
    app_version = Text(32, required=True, empty=True)
    name = Text(100, empty=True)
    scheduled_until = Instant(
        allow_none=True,
        metadata={"description": "Until when the device itself has scheduled reminders"},
    )
    plan_revision = WholeNumber(
        allow_none=True,
        validate=validate.Range(0, _INT4),
        metadata={"description": "The revision of the device plan that it has scheduled"},
    )

    @validates_schema
    def fits_the_platform(self, loaded: dict[str, Any], **_: object) -> None:
        """Refuse the address of another platform."""
        other = "token" if loaded.get("platform") == "webpush" else "subscription"
        if loaded.get(other) is not None:
            raise ValidationError("Does not belong to this platform.", other)
        if loaded.get("token") is not None:
            _require_token(loaded["platform"], loaded["token"])

    @post_load
    def to_report(self, loaded: dict[str, Any], **_: object) -> DeviceReport:
        """Return the report."""
        own = "subscription" if loaded["platform"] == "webpush" else "token"
        told = own in loaded
        if loaded.get("scheduled_until") is not None:
            loaded["scheduled_until"] = loaded["scheduled_until"].astimezone(UTC)
        address = loaded.pop(own, None)
        if address and loaded["platform"] == "apns":
            address = address.lower()  # one token has one form
        for other in ("subscription", "token"):
            loaded.pop(other, None)
        return DeviceReport(
            platform=loaded.pop("platform"),
            permission=loaded.pop("permission"),
            told=loaded,
            subscription={"token": address} if own == "token" and address else address,
            subscription_told=told,
        )


class DevicePushSchema(ResponseSchema):
    """Where the device's reminders go; no address is ever shown."""

    channel = fields.String(required=True, validate=validate.OneOf(PUSH))
    since = Instant(required=True)


class DeviceSchema(ResponseSchema):
    """A device of the patient."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    platform = fields.String(required=True)
    permission = fields.String(required=True, validate=validate.OneOf(PERMISSIONS))
    time_zone = fields.String(required=True)
    locale = fields.String(required=True)
    app_version = fields.String(required=True)
    scheduled_until = Instant(required=True, allow_none=True)
    plan_revision = fields.Integer(required=True, allow_none=True)
    last_seen_at = Instant(required=True)
    created_at = Instant(required=True)
    current = TrueOrFalse(
        required=True, metadata={"description": "Whether it is the device that asks"}
    )
    push = fields.Nested(
        DevicePushSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Null where no reminder can be pushed to it"},
    )


def _require_token(platform: str, token: str) -> None:
    try:
        check_token(platform, token)
    except BadToken:
        raise ValidationError(f"Not a token of {platform}.", "token") from None


def _decoded(text: str) -> bytes:
    """Return the bytes of base64url, padded or not; none where it is neither."""
    bare = text.rstrip("=")
    try:
        return b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""


def _is_point(raw: bytes) -> bool:
    if len(raw) != _POINT_BYTES:
        return False
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError:
        return False
    return True
