"""Phases of a recovery on the wire."""

from typing import Any

from marshmallow import fields, post_load, validate

from recovery_service.api.schemas.base import (
    RequestSchema,
    ResponseSchema,
    Scalar,
    Text,
    Translations,
)
from recovery_service.domain.phase_criteria import STATES
from recovery_service.domain.progression import DECISIONS
from recovery_service.services.phases import NewDecision

LONGEST_REASON = 2000
_CODE = r"^[a-z][a-z0-9_]{0,63}$"


class PhaseDecisionRequest(RequestSchema):
    """A clinician's word on a phase.

    Deferring needs a reason, and so does accepting while a criterion is not met.
    """

    phase = fields.String(
        required=True,
        validate=validate.Regexp(_CODE),
        metadata={"description": "The code of the proposed phase", "example": "stabilise"},
    )
    decision = fields.String(required=True, validate=validate.OneOf(DECISIONS))
    reason = Text(LONGEST_REASON, load_default=None, allow_none=True)
    facts_version = Text(
        16,
        load_default=None,
        allow_none=True,
        metadata={
            "description": "The proposal's, as it was read: if facts or decisions have changed "
            "since, the answer is a 409 `phase_facts_changed`"
        },
    )

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewDecision:
        """Return the decision as the service takes it."""
        return NewDecision(**loaded)


class StaffPhaseSchema(ResponseSchema):
    """A phase of the plan; days count from surgery."""

    code = fields.String(required=True)
    title = Translations(required=True, metadata={"example": {"en": "Build stability"}})
    from_day = fields.Integer(required=True)
    to_day = fields.Integer(required=True)


class EntrySchema(ResponseSchema):
    """An answer that was looked at."""

    date = fields.String(required=True, metadata={"format": "date"})
    value = Scalar(required=True, metadata={"example": 25})


class FactSchema(ResponseSchema):
    """What is known of one criterion."""

    code = fields.String(required=True)
    title = Translations(required=True)
    state = fields.String(
        required=True,
        metadata={
            "enum": list(STATES),
            "description": "`unknown`: too little was reported, which speaks for nothing",
        },
    )
    needed = fields.Integer(
        required=True, metadata={"description": "How many answers the criterion wants"}
    )
    entries = fields.List(
        fields.Nested(EntrySchema),
        required=True,
        metadata={"description": "The answers that were looked at, newest first"},
    )
    done = fields.Integer(required=True, allow_none=True)
    due = fields.Integer(required=True, allow_none=True)
    count = fields.Integer(required=True, allow_none=True)


class ProposalSchema(ResponseSchema):
    """A phase that waits for a clinician's word, with the facts that met each criterion or not."""

    phase = fields.Nested(StaffPhaseSchema, required=True)
    begins_on = fields.Date(required=True)
    state = fields.String(required=True, metadata={"enum": ["ready", "not_ready", "unknown"]})
    facts = fields.List(fields.Nested(FactSchema), required=True, attribute="facts_shown")
    facts_version = fields.String(
        required=True, metadata={"description": "Names these facts and the decision that stands"}
    )
    deferred = fields.Boolean(required=True)
    source = fields.List(fields.String(), attribute="phase.source", required=True)
    grade = fields.String(attribute="phase.grade", required=True)
    why_confirm = Translations(
        attribute="phase.why_confirm",
        required=True,
        allow_none=True,
        metadata={"description": "What the sources disagree about"},
    )


class PhaseDecisionSchema(ResponseSchema):
    """What was decided, by whom, on which facts."""

    id = fields.UUID(required=True)
    phase = fields.String(required=True)
    decision = fields.String(required=True, metadata={"enum": list(DECISIONS)})
    reason = fields.String(required=True, allow_none=True)
    facts = fields.List(fields.Nested(FactSchema), required=True)
    decided_by = fields.UUID(required=True)
    decided_at = fields.AwareDateTime(required=True)


class PhaseViewSchema(ResponseSchema):
    """Where an episode stands among its phases."""

    day = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Days since surgery"}
    )
    phase = fields.Nested(
        StaffPhaseSchema,
        required=True,
        allow_none=True,
        metadata={"description": "The phase that holds today"},
    )
    held = fields.Boolean(
        required=True,
        metadata={
            "description": "Whether it holds because the next one waits for a clinician although "
            "its day has come"
        },
    )
    proposal = fields.Nested(ProposalSchema, required=True, allow_none=True)
    decisions = fields.List(
        fields.Nested(PhaseDecisionSchema),
        required=True,
        metadata={"description": "The newest first, at most 50"},
    )
