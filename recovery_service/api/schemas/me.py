"""What the app opens with, and what a patient may change of it."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from recovery_service.api.schemas.base import (
    Instant,
    LocalDate,
    LocalTime,
    RequestSchema,
    ResponseSchema,
    TrueOrFalse,
    WholeNumber,
)
from recovery_service.api.schemas.devices import known_zone, locale_field
from recovery_service.api.schemas.my_agenda import AgendaEntrySchema
from recovery_service.domain.monitoring import NOT_MONITORED, OUT_OF_HOURS, WATCHED
from recovery_service.domain.preferences import CHANNELS, FAILOVER_CHOICES, MOST_BREAKS
from recovery_service.services.profile import ProfileChange

CONTACT_MODES = ("app", "phone", "none")
PLAN_STATES = ("awaiting_clinician", "active", "paused", "ended")
EPISODE_STATES = ("open", "on_hold", "ended")
PHONES = ("clinic", "out_of_hours", "emergency", "crisis")
MOST_KEYS = 100
MOST_SLOTS = 48
_NAME = validate.Length(1, 64)


class TimeText(LocalTime):
    """A local time that stays the text it is: preferences are kept as JSON."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return f"{super()._deserialize(value, attr, data, **kwargs):%H:%M}"


class DateText(LocalDate):
    """A local date that stays the text it is."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return super()._deserialize(value, attr, data, **kwargs).isoformat()


def phones_field() -> fields.Dict:
    """Return the phones of a site."""
    return fields.Dict(
        keys=fields.String(validate=validate.OneOf(PHONES)), values=fields.String(), required=True
    )


class QuietHours(RequestSchema):
    """Between these local times nothing is pushed; across midnight if they say so."""

    from_ = TimeText(data_key="from", attribute="from")
    to = TimeText()


class Pause(RequestSchema):
    """From one local date to another, both included, nothing is pushed."""

    from_ = DateText(data_key="from", attribute="from")
    to = DateText()


class SittingBreaks(RequestSchema):
    """Prompts to get up every so often; nobody gets them who did not ask for them."""

    enabled = TrueOrFalse()
    most = WholeNumber(
        validate=validate.Range(1, MOST_BREAKS),
        metadata={"description": "At most so many a day; the clinic's number if absent"},
    )


class PreferencesPatch(RequestSchema):
    """A JSON merge patch (RFC 7396): what is left out stays, null takes back to the default."""

    quiet_hours = fields.Nested(QuietHours, allow_none=True)
    reminder_times = fields.Dict(
        keys=fields.String(validate=_NAME),
        values=fields.Dict(
            keys=fields.String(validate=_NAME),
            values=TimeText(allow_none=True),
            allow_none=True,
            validate=validate.Length(max=MOST_SLOTS),
        ),
        allow_none=True,
        validate=validate.Length(max=MOST_KEYS),
        metadata={
            "description": "By the id or code of an item, or by kind: its slots and their times",
            "example": {"walking": {"morning": "08:15"}},
        },
    )
    channels = fields.Dict(
        keys=fields.String(validate=_NAME),
        values=fields.List(
            fields.String(validate=_NAME), allow_none=True, validate=validate.Length(max=8)
        ),
        allow_none=True,
        validate=validate.Length(max=MOST_KEYS),
        metadata={
            "description": f"By kind, what may carry it: {', '.join(CHANNELS)}. None of them: "
            "no reminder at all",
            "example": {"posture": ["inbox"]},
        },
    )
    pause = fields.Nested(Pause, allow_none=True)
    sitting_breaks = fields.Nested(SittingBreaks, allow_none=True)
    failover = fields.String(
        allow_none=True,
        validate=validate.OneOf(FAILOVER_CHOICES),
        metadata={
            "description": "Where an urgent reminder goes, once, that is not known to have reached "
            "a device in time: to an address that staff have verified, or nowhere"
        },
    )


class MeRequest(RequestSchema):
    """What a patient may change."""

    time_zone = fields.String(validate=known_zone, metadata={"example": "Europe/London"})
    locale = locale_field()
    preferences = fields.Nested(PreferencesPatch)

    @post_load
    def to_change(self, loaded: dict[str, Any], **_: object) -> ProfileChange:
        """Return the change; an empty one is refused, because it was meant to be one."""
        if not loaded:
            raise ValidationError("Say what to change.")
        return ProfileChange(**loaded)


class ProfileSchema(ResponseSchema):
    """Who the patient is, and how to be reached."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    time_zone = fields.String(required=True)
    locale = fields.String(required=True)
    contact_mode = fields.String(required=True, validate=validate.OneOf(CONTACT_MODES))
    preferences = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={"description": "As `PATCH /me` takes them; what is absent is the default"},
    )


class HoursSchema(ResponseSchema):
    """A window of the local day; across midnight if its end is before its beginning."""

    from_ = fields.String(required=True, data_key="from", attribute="from")
    to = fields.String(required=True)


class BreaksSchema(ResponseSchema):
    """Whether the patient asked for sitting breaks, and how many a day at most."""

    enabled = fields.Boolean(required=True)
    most = fields.Integer(required=True)


class RemindersSchema(ResponseSchema):
    """What holds for reminders today: the clinic's defaults and the patient's own choices."""

    quiet_hours = fields.Nested(HoursSchema, required=True)
    pushes_a_day = fields.Integer(
        required=True,
        metadata={"description": "Beside appointments, sitting breaks and what was snoozed"},
    )
    bundle_minutes = fields.Integer(
        required=True, metadata={"description": "What falls due within so many is one push"}
    )
    sitting_breaks = fields.Nested(BreaksSchema, required=True)
    failover = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Where what is not known to have arrived goes, in this order"},
    )


class PhaseSchema(ResponseSchema):
    """A phase of the recovery."""

    code = fields.String(required=True)
    title = fields.String(required=True)
    next_waits = fields.Boolean(
        required=True,
        metadata={
            "description": "Whether the day of the next phase has come, and a clinician has not "
            "let it begin: this one goes on"
        },
    )


class MyEpisodeSchema(ResponseSchema):
    """The operation and how long ago it was, in whole days of the patient's calendar."""

    id = fields.UUID(required=True)
    procedure = fields.String(required=True)
    surgery_date = LocalDate(required=True, allow_none=True)
    surgery_date_assumed = TrueOrFalse(required=True)
    discharge_date = LocalDate(required=True)
    days_since_surgery = fields.Integer(required=True, allow_none=True)
    days_since_discharge = fields.Integer(required=True)
    phase = fields.Nested(PhaseSchema, required=True, allow_none=True)
    state = fields.String(required=True, validate=validate.OneOf(EPISODE_STATES))


class MyMonitoringSchema(ResponseSchema):
    """Who looks at what the patient reports, by when, and what to do until then.

    Never in real time. `not_monitored`: nobody looks, because the time for it is over or
    the site has told no opening hours.
    """

    state = fields.String(required=True, metadata={"enum": [WATCHED, OUT_OF_HOURS, NOT_MONITORED]})
    respond_by = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "By when somebody looks at what is open; null: nothing is"},
    )
    overdue = fields.Boolean(
        required=True, metadata={"description": "That time has passed: do not wait any longer"}
    )
    seen_at = Instant(
        required=True,
        allow_none=True,
        metadata={"description": "When the care team acknowledged what is not resolved yet"},
    )
    next_open_at = Instant(
        required=True, allow_none=True, metadata={"description": "While the site is closed"}
    )
    monitored_until = LocalDate(
        required=True,
        allow_none=True,
        metadata={"description": "The last date on which check-ins are looked at"},
    )
    until_then = fields.String(required=True, metadata={"description": "All of it in words"})
    phones = phones_field()


class ColleagueSchema(ResponseSchema):
    """Somebody of the care team."""

    name = fields.String(required=True)
    role = fields.String(required=True)


class MyClinicSchema(ResponseSchema):
    """The clinic and how to reach it."""

    name = fields.String(required=True)
    site = fields.String(required=True, allow_none=True)
    phones = phones_field()


class AppUpdateSchema(ResponseSchema):
    """That the calling app is old; it may send check-ins all the same."""

    state = fields.String(required=True, metadata={"enum": ["required", "recommended"]})
    minimum = fields.String(
        required=True, metadata={"description": "What is enough", "example": "2.1.0"}
    )


class MeSchema(ResponseSchema):
    """Everything that opens the app."""

    profile = fields.Nested(ProfileSchema, required=True)
    reminders = fields.Nested(RemindersSchema, required=True)
    today = LocalDate(required=True, metadata={"description": "The patient's local date"})
    episode = fields.Nested(MyEpisodeSchema, required=True, allow_none=True)
    plan_state = fields.String(required=True, validate=validate.OneOf(PLAN_STATES))
    due_today = fields.List(fields.Nested(AgendaEntrySchema), required=True)
    monitoring = fields.Nested(MyMonitoringSchema, required=True)
    care_team = fields.List(fields.Nested(ColleagueSchema), required=True)
    clinic = fields.Nested(MyClinicSchema, required=True)
    zone_suggestion = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "The calling device's zone, where its clock differs"},
    )
    vapid_public_key = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "What a browser subscribes with (`applicationServerKey`)"},
    )
    app_update = fields.Nested(
        AppUpdateSchema,
        required=True,
        allow_none=True,
        metadata={"description": "Null where the app is new enough; also the header `App-Update`"},
    )
