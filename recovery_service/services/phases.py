"""Phases of a recovery: what speaks for the next one, and what a clinician decides of it.

The service proposes and shows the facts; only an accepting clinician lets a gated phase
begin, and the schedules follow in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor, may_publish_plan
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.local_time import local_date
from recovery_service.domain.phase_criteria import READY, Fact, standing_of, version_of
from recovery_service.domain.plan_template_parts import Criterion
from recovery_service.domain.progression import ACCEPT, DEFER, Progression
from recovery_service.domain.series import Told
from recovery_service.errors import InvalidField, NotAllowed, PhaseFactsChanged, PhaseNotDecidable
from recovery_service.models import Alert, CheckIn, Episode, Patient, PhaseDecision
from recovery_service.services import audit
from recovery_service.services.phase_decisions import progression_of
from recovery_service.services.phase_facts import facts_of
from recovery_service.services.plans import require_running
from recovery_service.services.progress import outcomes_of, pause_of
from recovery_service.services.schedules import live_revision, replan_episode

MOST_DECISIONS = 50
_TOLD = ("id", "local_date", "recorded_at", "received_at", "supersedes", "issues", "answers")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDecision:
    """A clinician's word on a phase, named by its code; `facts_version` is what was read."""

    phase: str
    decision: str
    reason: str | None = None
    facts_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A phase that waits for a clinician's word, and what speaks for it.

    `state` is `ready` where every criterion is met, `not_ready` where one is not, and
    `unknown` where too little was reported. `begins_on` is its day on the calendar.
    """

    phase: Mapping[str, Any]
    begins_on: date
    state: str
    facts: Sequence[Fact]
    decision: str | None

    @property
    def deferred(self) -> bool:
        """Say whether a clinician put it off."""
        return self.decision == DEFER

    @property
    def facts_version(self) -> str:
        """Name these facts and the decision that stands."""
        return version_of(self.phase["code"], self.decision, self.facts)

    @property
    def facts_shown(self) -> list[dict[str, Any]]:
        """The facts in the form that a decision keeps."""
        return [each.as_json() for each in self.facts]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseView:
    """Where an episode stands: the phase that holds, what is proposed, what was decided."""

    day: int | None
    phase: Mapping[str, Any] | None
    held: bool
    proposal: Proposal | None
    decisions: Sequence[PhaseDecision]


def view_phase(session: Session, episode: Episode, patient: Patient, *, now: datetime) -> PhaseView:
    """Return the phase of the live plan that holds today, and what is proposed."""
    live = live_revision(session, episode)
    progression = progression_of(session, episode, live.phases if live else ())
    day = _day(episode, patient, now=now)
    return PhaseView(
        day=day,
        phase=progression.on(day),
        held=progression.is_held(day),
        proposal=_proposal(session, episode, patient, progression, now=now),
        decisions=_decisions(session, episode),
    )


def decide_phase(
    session: Session,
    actor: Actor,
    episode: Episode,
    patient: Patient,
    new: NewDecision,
    *,
    now: datetime,
) -> None:
    """Accept or defer a phase; the plan follows at once. A repeated word changes nothing.

    Raises NotAllowed, EpisodeEnded, PhaseNotDecidable, PhaseFactsChanged where something else
    was read, or InvalidField where a reason is missing: deferring needs one, and accepting
    against the facts.
    """
    if not may_publish_plan(actor):
        raise NotAllowed("decide on a phase")
    require_running(episode)
    live = live_revision(session, episode)
    before = progression_of(session, episode, live.phases if live else ())
    if new.phase not in before.decidable(_day(episode, patient, now=now)):
        raise PhaseNotDecidable(new.phase)
    if new.decision == ACCEPT and before.decisions.get(new.phase) == ACCEPT:
        return
    phase = next(each for each in before.phases if each["code"] == new.phase)
    facts = _facts(session, episode, patient, phase, now=now)
    known = version_of(new.phase, before.decisions.get(new.phase), facts)
    if new.facts_version not in (None, known):
        raise PhaseFactsChanged(new.phase)
    if new.reason is None and (new.decision == DEFER or standing_of(facts) != READY):
        raise InvalidField("/reason", "Say why: this is not what the facts suggest.")
    _store(session, actor, episode, new, facts, now=now)
    after = progression_of(session, episode, before.phases)
    if after.waiting != before.waiting:
        replan_episode(session, episode, patient, now=now)
    action = "phase_accepted" if new.decision == ACCEPT else "phase_deferred"
    audit.record(session, actor, action, "episode", episode.id, patient_id=patient.id, now=now)


def _store(
    session: Session,
    actor: Actor,
    episode: Episode,
    new: NewDecision,
    facts: Sequence[Fact],
    *,
    now: datetime,
) -> None:
    last = session.scalar(
        select(func.max(PhaseDecision.number)).where(
            PhaseDecision.clinic_id == episode.clinic_id, PhaseDecision.episode_id == episode.id
        )
    )
    session.add(
        PhaseDecision(
            clinic_id=episode.clinic_id,
            id=new_id(now=now),
            episode_id=episode.id,
            number=(last or 0) + 1,
            phase=new.phase,
            decision=new.decision,
            reason=new.reason,
            facts=[each.as_json() for each in facts],
            decided_by=actor.id,
            decided_at=now,
        )
    )
    session.flush()


def _proposal(
    session: Session,
    episode: Episode,
    patient: Patient,
    progression: Progression,
    *,
    now: datetime,
) -> Proposal | None:
    phase = progression.proposed(_day(episode, patient, now=now))
    if phase is None or episode.surgery_date is None:
        return None
    facts = _facts(session, episode, patient, phase, now=now)
    return Proposal(
        phase=phase,
        begins_on=episode.surgery_date + timedelta(days=phase["from_day"]),
        state=standing_of(facts),
        facts=facts,
        decision=progression.decision_on(phase),
    )


def _facts(
    session: Session,
    episode: Episode,
    patient: Patient,
    phase: Mapping[str, Any],
    *,
    now: datetime,
) -> tuple[Fact, ...]:
    """Return what is known of each criterion; three statements, over their days alone."""
    criteria = [Criterion.of(each) for each in phase["criteria"]]
    today = local_date(patient.time_zone, now)
    longest = max((each.within_days for each in criteria), default=1)
    told = _told(session, episode, today - timedelta(days=longest - 1), today)
    counted = any(each.fact == "sessions_share" for each in criteria)
    outcomes = outcomes_of(session, episode) if counted else []
    asked = any(each.fact == "open_alerts" for each in criteria)
    alerts = _open_alerts(session, episode) if asked else 0
    return facts_of(phase, told, outcomes, pause=pause_of(patient), today=today, open_alerts=alerts)


def _open_alerts(session: Session, episode: Episode) -> int:
    unresolved = select(func.count()).where(
        Alert.clinic_id == episode.clinic_id,
        Alert.episode_id == episode.id,
        Alert.state != "resolved",
    )
    return session.scalar(unresolved) or 0


def _told(session: Session, episode: Episode, since: date, until: date) -> list[Told]:
    rows = session.execute(
        select(*(getattr(CheckIn, name) for name in _TOLD)).where(
            CheckIn.clinic_id == episode.clinic_id,
            CheckIn.episode_id == episode.id,
            CheckIn.local_date.between(since, until),
        )
    )
    return [Told(**row) for row in rows.mappings()]


def _decisions(session: Session, episode: Episode) -> Sequence[PhaseDecision]:
    return session.scalars(
        select(PhaseDecision)
        .where(PhaseDecision.clinic_id == episode.clinic_id, PhaseDecision.episode_id == episode.id)
        .order_by(PhaseDecision.number.desc())
        .limit(MOST_DECISIONS)
    ).all()


def _day(episode: Episode, patient: Patient, *, now: datetime) -> int | None:
    if episode.surgery_date is None:
        return None
    return (local_date(patient.time_zone, now) - episode.surgery_date).days
