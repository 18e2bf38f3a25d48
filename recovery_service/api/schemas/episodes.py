"""Episodes on the wire."""

from typing import Any

from marshmallow import fields, post_load, validate

from recovery_service.api.schemas.base import (
    LocalDate,
    RealNumber,
    RequestSchema,
    ResponseSchema,
    Text,
)
from recovery_service.domain.episodes import BASELINE, END_REASONS, LEVEL, SIDES, NewEpisode
from recovery_service.domain.procedures import PROCEDURES

MAX_LEVELS = 12


# What was known before the operation: 0 is no pain; PSFS 10 is as able as before.
BaselineSchema = RequestSchema.from_dict(
    {name: RealNumber(validate=validate.Range(0, 10)) for name in BASELINE},
    name="BaselineSchema",
)


def _levels() -> fields.List[str]:
    level = fields.String(
        validate=[
            validate.Length(max=16),
            validate.Regexp(LEVEL, error="Not a level such as L4/5 or C6-7."),
        ],
        metadata={"example": "L4/5"},
    )
    return fields.List(level, validate=validate.Length(max=MAX_LEVELS))


class EpisodeChanges(RequestSchema):
    """What can be changed of an episode; what is absent stays."""

    procedure = fields.String(validate=validate.OneOf(list(PROCEDURES)))
    levels = _levels()
    side = fields.String(allow_none=True, validate=validate.OneOf(SIDES))
    diagnosis = Text(500, allow_none=True)
    surgery_date = LocalDate(allow_none=True)
    discharge_date = LocalDate()
    baseline = fields.Nested(BaselineSchema)
    pre_existing_deficit = Text(1000, allow_none=True)
    site = fields.UUID()
    plan_template = Text(64, allow_none=True)


class EpisodePatch(EpisodeChanges):
    """What can be changed of an episode that runs."""

    monitored_until = LocalDate(
        allow_none=True,
        metadata={
            "description": "The last date on which check-ins are looked at; null: the policy's own"
        },
    )


class NewEpisodeRequest(EpisodeChanges):
    """An operation and its recovery.

    `supersedes` names the patient's open episode when this is a re-operation: the
    old plan and everything unsent of it end in the same transaction.
    """

    procedure = fields.String(required=True, validate=validate.OneOf(list(PROCEDURES)))
    discharge_date = LocalDate(required=True)
    supersedes = fields.UUID(load_default=None, allow_none=True)

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewEpisode:
        """Return the episode as the service takes it."""
        return NewEpisode(**loaded)


class HoldRequest(RequestSchema):
    """Why the plan stops, and from which local date (today if absent)."""

    reason = Text(500, required=True)
    held_from = LocalDate(data_key="from", load_default=None, allow_none=True)


class ReleaseRequest(RequestSchema):
    """Why the plan goes on."""

    reason = Text(500, load_default=None, allow_none=True)
    on = LocalDate(load_default=None, allow_none=True)


class EndRequest(RequestSchema):
    """Why the episode ends, and on which local date (today if absent)."""

    reason = fields.String(required=True, validate=validate.OneOf(END_REASONS))
    on = LocalDate(load_default=None, allow_none=True)


class EpisodeSchema(ResponseSchema):
    """An episode, with where it stands today on the patient's calendar."""

    id = fields.UUID(attribute="episode.id", required=True)
    patient_id = fields.UUID(attribute="episode.patient_id", required=True)
    site = fields.UUID(attribute="episode.site_id", required=True)
    procedure = fields.String(attribute="episode.procedure", required=True)
    levels = fields.List(fields.String(), attribute="episode.levels")
    side = fields.String(attribute="episode.side", allow_none=True)
    diagnosis = fields.String(attribute="episode.diagnosis", allow_none=True)
    surgery_date = fields.Date(attribute="episode.surgery_date", allow_none=True)
    surgery_date_assumed = fields.Boolean(attribute="episode.surgery_date_assumed")
    discharge_date = fields.Date(attribute="episode.discharge_date", required=True)
    baseline = fields.Dict(attribute="episode.baseline")
    pre_existing_deficit = fields.String(attribute="episode.pre_existing_deficit", allow_none=True)
    plan_template = fields.String(attribute="episode.plan_template", allow_none=True)
    state = fields.String(
        attribute="episode.state", required=True, metadata={"enum": ["open", "on_hold", "ended"]}
    )
    hold_reason = fields.String(attribute="episode.hold_reason", allow_none=True)
    held_from = fields.Date(attribute="episode.held_from", allow_none=True)
    monitored_until = fields.Date(
        attribute="episode.monitored_until",
        allow_none=True,
        metadata={"description": "Null: day 90, unless the policy says another"},
    )
    ended_on = fields.Date(attribute="episode.ended_on", allow_none=True)
    end_reason = fields.String(attribute="episode.end_reason", allow_none=True)
    superseded_by = fields.UUID(attribute="episode.superseded_by", allow_none=True)
    plan_state = fields.String(required=True)
    days_since_surgery = fields.Integer(allow_none=True, required=True)
    days_since_discharge = fields.Integer(required=True)
    version = fields.Integer(attribute="episode.version", required=True)
    created_at = fields.AwareDateTime(attribute="episode.created_at", required=True)
    updated_at = fields.AwareDateTime(attribute="episode.updated_at", required=True)


class EpisodeList(ResponseSchema):
    """The episodes of a patient, the newest first."""

    items = fields.List(fields.Nested(EpisodeSchema), required=True)
    next_cursor = fields.String(allow_none=True, required=True)
