"""Rules that no answer can meet: silence, and too few sessions.

Judged in the transaction that closes what was missed, so that none is overlooked when a
process dies, and for those episodes only: what nobody missed anything of has not changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import structlog
from sqlalchemy.orm import Session

from recovery_service.domain.adherence import UNANSWERED, Outcome, Pause, adherence
from recovery_service.domain.alert_policy import AlertPolicy
from recovery_service.domain.alerts import LastAlert, Step, raising
from recovery_service.domain.escalation import recipients
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.local_time import local_date
from recovery_service.domain.opening_times import OpeningTimes
from recovery_service.domain.red_flag_rules import RedFlagRules
from recovery_service.domain.red_flags import Finding, Situation, evaluate
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.reminders.colleagues import (
    ABSENT,
    COLLEAGUES,
    colleagues_by_patient,
    covers_by_patient,
    notice,
)
from recovery_service.reminders.not_done_statements import FACTS, WRITE
from recovery_service.reminders.work import array, run

log = structlog.get_logger(__name__)

#: A share of fewer sessions says nothing: one of two is half.
LEAST_SESSIONS = 4
_WEEK = timedelta(days=7)
_REACH = timedelta(days=21)
_EXERCISE = sorted(name for name, kind in REMINDER_KINDS.items() if kind.counts == "exercise")


class Missed(NamedTuple):
    """An episode in which something was missed just now."""

    clinic_id: UUID
    patient_id: UUID
    episode_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What episodes are judged by."""

    rules: RedFlagRules
    policy: AlertPolicy


class _Known(NamedTuple):
    clinic_id: UUID
    patient_id: UUID
    episode_id: UUID
    procedure: str
    surgery_date: date | None
    discharge_date: date
    monitored_until: date | None
    time_zone: str
    pause: Mapping[str, str] | None
    site_zone: str
    opening_hours: str
    holidays: list[date]
    missed: int
    sessions: list[Any] | None
    last: list[Any] | None

    def facts(self, today: date) -> dict[str, float | None]:
        """Return what no answer tells, as `red_flag_condition_fields.FACTS` names it."""
        outcomes = [
            Outcome(kind=kind, local_date=date.fromisoformat(day), state=state, reason=reason,
                    count=count)
            for kind, day, state, reason, count in self.sessions or ()
        ]  # fmt: skip
        pause = self.pause and Pause(
            first=date.fromisoformat(self.pause["from"]), last=date.fromisoformat(self.pause["to"])
        )
        done = adherence(
            outcomes, "exercise", since=today - _WEEK + timedelta(days=1), until=today,
            pause=pause or None,
        )  # fmt: skip
        share = done.rate if done.due >= LEAST_SESSIONS else None
        return {"check_ins_missed": self.missed, "sessions_share": share}

    @property
    def times(self) -> OpeningTimes:
        """When the site is open."""
        return OpeningTimes(
            time_zone=self.site_zone,
            hours=orjson.loads(self.opening_hours),
            holidays=frozenset(self.holidays),
        )


class _Raised(NamedTuple):
    known: _Known
    finding: Finding
    id: UUID
    today: date
    respond_by: datetime | None


def judge_missed(
    session: Session, missed: Iterable[Missed], watching: Watching, *, now: datetime
) -> int:
    """Raise what the episodes meet by what was not done; return how many alerts."""
    episodes = sorted(set(missed))
    if not episodes:
        return 0
    rows = run(session, FACTS, _values(episodes, watching.rules, now))
    raised = [one for row in rows for one in _borne(_Known._make(row), watching, now)]
    if raised:
        notices = _notices(session, raised, now)
        values = {
            "raised": _json([_alert(one) for one in raised]),
            "events": _json([_event(one, now) for one in raised]),
            "notices": _json(notices),
        }
        run(session, WRITE, values | {"now": now})
    return len(raised)


def _borne(known: _Known, watching: Watching, now: datetime) -> list[_Raised]:
    """Judge an episode; one that cannot be judged keeps nobody else's occurrences open."""
    try:
        return _judged(known, watching, now)
    except Exception:
        log.exception("episode_not_judged", episode_id=known.episode_id)
        return []


def _judged(known: _Known, watching: Watching, now: datetime) -> list[_Raised]:
    today = local_date(known.time_zone, now)
    until = watching.policy.monitored_until(
        known.monitored_until,
        surgery_date=known.surgery_date,
        discharge_date=known.discharge_date,
    )
    if today > until:
        return []
    situation = Situation(
        episode_id=known.episode_id,
        procedure=known.procedure,
        surgery_date=known.surgery_date,
        local_date=today,
        facts=known.facts(today),
    )
    last = {row[1]: _last(row) for row in known.last or ()}
    silences = {rule.id: rule.silence_days for rule in watching.rules.rules}
    found = []
    for finding in evaluate(watching.rules, (), situation):
        rule = finding.rule_id
        step = raising(finding.tier, silences[rule], last.get(rule), now=now).step
        if step is Step.RAISED:
            due = watching.policy.paces[finding.tier].respond_by(known.times, now)
            found.append(_Raised(known, finding, new_id(now=now), today, due))
    return found


def _last(row: Sequence[Any]) -> LastAlert:
    its_id, rule, tier, state, resolved = row
    at = datetime.fromisoformat(resolved) if resolved else None
    return LastAlert(UUID(its_id), rule, tier, state, None, at)


def _values(episodes: Sequence[Missed], rules: RedFlagRules, now: datetime) -> dict[str, Any]:
    today = now.date()
    return {
        "clinics": array(one.clinic_id.hex for one in episodes),
        "patients": array(one.patient_id.hex for one in episodes),
        "episodes": array(one.episode_id.hex for one in episodes),
        "today": today,
        "reach": f"{today - _REACH:%Y%m%d}",
        # A day wider on either side: which local day a patient has is decided in Python.
        "week": f"{today - _WEEK - timedelta(days=1):%Y%m%d}",
        "until": f"{today + timedelta(days=2):%Y%m%d}",
        "unanswered": list(UNANSWERED),
        "exercise": _EXERCISE,
        "rules": [rule.id for rule in rules.rules],
    }


def _alert(one: _Raised) -> dict[str, Any]:
    known, finding = one.known, one.finding
    return {
        "clinic_id": known.clinic_id,
        "id": one.id,
        "patient_id": known.patient_id,
        "episode_id": known.episode_id,
        "rule_id": finding.rule_id,
        "rule_version": finding.rule_version,
        "tier": finding.tier,
        "respond_by": one.respond_by,
    }


def _event(one: _Raised, now: datetime) -> dict[str, Any]:
    return {
        "clinic_id": one.known.clinic_id,
        "id": new_id(now=now),
        "alert_id": one.id,
        "kind": Step.RAISED,
        "tier": one.finding.tier,
        "about": one.today,
        "facts": [fact.as_json() for fact in one.finding.facts],
        "new": True,
    }


def _notices(session: Session, raised: Sequence[_Raised], now: datetime) -> list[dict[str, Any]]:
    """Return one notice a way, person and patient, on the first of what was found together."""
    first = {one.known.patient_id: one for one in reversed(raised)}
    asked = {
        "clinics": [one.known.clinic_id for one in first.values()],
        "patients": list(first),
        "days": [one.today for one in first.values()],
    }
    people = colleagues_by_patient(run(session, COLLEAGUES, asked))
    covers = covers_by_patient(run(session, ABSENT, asked))
    return [
        notice(told, one.known.clinic_id, one.id, Step.RAISED, new=True, now=now)
        for patient_id, one in first.items()
        for told in recipients(
            people.get(patient_id, []),
            covers.get(patient_id, {}),
            escalation=0,
            tier=one.finding.tier,
        )
    ]


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(rows).decode()
