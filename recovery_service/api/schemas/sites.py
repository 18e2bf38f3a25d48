"""Sites on the wire: zone, hours, phones, holidays."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from recovery_service.api.schemas.base import (
    LocalDate,
    RequestSchema,
    ResponseSchema,
    Text,
    TrueOrFalse,
)
from recovery_service.api.schemas.devices import known_zone
from recovery_service.domain.countries import COUNTRIES
from recovery_service.domain.opening_hours import ImpossibleHoursError, check_opening_hours
from recovery_service.services.sites import NewSite

# E.164, or one of the short numbers of emergency services and crisis lines.
PHONE = r"^(\+[1-9]\d{6,14}|\d{3,6})\Z"
MAX_HOLIDAYS = 400


def _country(code: str) -> None:
    if code not in COUNTRIES:
        raise ValidationError("Not a country of ISO 3166-1, two letters.")


def _phone() -> fields.String:
    refusal = "Not a number of the form +441234567890, nor a short one of 3 to 6 digits."
    return fields.String(validate=validate.Regexp(PHONE, error=refusal))


class OpeningHours(fields.Dict):
    """ISO weekday to spans of local times: `{"1": [["08:00", "12:00"], ["13:00", "17:00"]]}`."""

    def __init__(self, **kwargs: Any) -> None:
        spans = fields.List(fields.List(fields.String()))
        example = {"1": [["08:00", "12:00"], ["13:00", "17:00"]], "6": [["09:00", "12:00"]]}
        super().__init__(
            keys=fields.String(), values=spans, metadata={"example": example}, **kwargs
        )

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        hours: Any = super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        try:
            check_opening_hours(hours)
        except ImpossibleHoursError as refusal:
            raise ValidationError(_at(refusal)) from None
        return hours


def _at(refusal: ImpossibleHoursError) -> dict[Any, Any]:
    """Return the message where the pointer says, as marshmallow nests them."""
    told: Any = [refusal.message]
    for step in reversed(refusal.pointer.strip("/").split("/")):
        told = {step: told}
    return dict(told)


class PhonesSchema(RequestSchema):
    """Whom to call: E.164, or the short number of an emergency service."""

    clinic = _phone()
    out_of_hours = _phone()
    emergency = _phone()
    crisis = _phone()


class SiteChanges(RequestSchema):
    """What can be changed of a site; what is absent stays, hours and phones are replaced."""

    name = Text(200)
    time_zone = fields.String(validate=known_zone, metadata={"example": "Europe/London"})
    country = fields.String(validate=_country, metadata={"example": "GB"})
    opening_hours = OpeningHours()
    phones = fields.Nested(PhonesSchema)
    is_default = TrueOrFalse()

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> Any:
        """Refuse a change that changes nothing."""
        if not loaded:
            raise ValidationError("Name at least one field to change.")
        return loaded


class NewSiteRequest(SiteChanges):
    """A place of the clinic."""

    name = Text(200, required=True)
    time_zone = fields.String(
        required=True, validate=known_zone, metadata={"example": "Europe/London"}
    )
    country = fields.String(required=True, validate=_country, metadata={"example": "GB"})

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewSite:
        """Return the site as the service takes it."""
        return NewSite(**loaded)


class SiteSchema(ResponseSchema):
    """A place of the clinic."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    time_zone = fields.String(required=True)
    country = fields.String(required=True)
    opening_hours = fields.Dict(
        values=fields.List(fields.List(fields.String())),
        required=True,
        metadata={"example": {"1": [["08:00", "12:00"], ["13:00", "17:00"]]}},
    )
    phones = fields.Dict(values=fields.String(), required=True)
    is_default = fields.Boolean(required=True)
    version = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True)
    updated_at = fields.AwareDateTime(required=True)


class HolidayRequest(RequestSchema):
    """A local date on which the site is closed."""

    day = LocalDate(required=True)
    name = Text(200, load_default="", empty=True)


class HolidaysRequest(RequestSchema):
    """All days on which the site is closed; what is not here is open."""

    holidays = fields.List(
        fields.Nested(HolidayRequest), required=True, validate=validate.Length(max=MAX_HOLIDAYS)
    )

    @post_load
    def by_day(self, loaded: dict[str, Any], **_: object) -> Any:
        """Return names by day; refuse a day that stands there twice."""
        days: dict[Any, str] = {}
        for place, each in enumerate(loaded["holidays"]):
            if each["day"] in days:
                raise ValidationError({"holidays": {place: {"day": ["Stands here twice."]}}})
            days[each["day"]] = each["name"]
        return days


class HolidaySchema(ResponseSchema):
    """A local date on which the site is closed."""

    day = fields.Date(required=True)
    name = fields.String(required=True)


class HolidayList(ResponseSchema):
    """All days on which the site is closed, in their order."""

    items = fields.List(fields.Nested(HolidaySchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
