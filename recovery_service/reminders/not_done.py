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
)
from recovery_service.reminders.work import array, run

#: A share of fewer sessions says nothing: one of two is half.
LEAST_SESSIONS = 4
_WEEK = timedelta(days=7)
_REACH = timedelta(days=21)
_EXERCISE = sorted(name for name, kind in REMINDER_KINDS.items() if kind.counts == "exercise")

# A patient without a smartphone is called instead (`GET /call-tasks`). Of each episode a few
# weeks are read, whatever its history's length.
_FACTS = """
SELECT e.clinic_id, e.patient_id, e.id, e.procedure, e.surgery_date, e.discharge_date,
       e.monitored_until, p.time_zone, p.preferences -> 'pause', s.time_zone, s.opening_hours::text,
       ARRAY(SELECT h.day FROM site_holiday h
              WHERE h.clinic_id = s.clinic_id AND h.site_id = s.id
                AND h.day BETWEEN %(today)s::date - 1 AND %(today)s::date + 61),
       silence.missed, sessions.days, last.rows
  FROM unnest(%(clinics)s::uuid[], %(patients)s::uuid[], %(episodes)s::uuid[])
       AS w (clinic_id, patient_id, episode_id)
  JOIN episode e ON e.clinic_id = w.clinic_id AND e.id = w.episode_id AND e.state = 'open'
  JOIN patient p ON p.clinic_id = w.clinic_id AND p.id = w.patient_id AND p.contact_mode = 'app'
  JOIN site s ON s.clinic_id = e.clinic_id AND s.id = e.site_id
 CROSS JOIN LATERAL (
       SELECT count(*) AS missed
         FROM schedule h
         JOIN occurrence o ON o.clinic_id = h.clinic_id AND o.lineage_id = h.id
                          AND o.occ_key >= %(reach)s AND o.occ_key < %(until)s
        WHERE h.clinic_id = w.clinic_id AND h.patient_id = w.patient_id
          AND h.episode_id = w.episode_id AND h.kind = 'check_in' AND o.state = 'missed'
          AND o.reason = ANY (%(unanswered)s)
          AND o.local_date > coalesce((
              SELECT max(k.local_date) FROM check_in k
               WHERE k.clinic_id = w.clinic_id AND k.episode_id = w.episode_id),
              e.discharge_date - 1)) silence
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_array(d.kind, d.local_date, d.state, d.reason, d.count)) AS days
         FROM (SELECT h.kind, o.local_date, o.state, o.reason, count(*) AS count
                 FROM schedule h
                 JOIN occurrence o ON o.clinic_id = h.clinic_id AND o.lineage_id = h.id
                                  AND o.occ_key >= %(week)s AND o.occ_key < %(until)s
                WHERE h.clinic_id = w.clinic_id AND h.patient_id = w.patient_id
                  AND h.episode_id = w.episode_id AND h.kind = ANY (%(exercise)s)
                GROUP BY h.kind, o.local_date, o.state, o.reason) d) sessions
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_array(a.id, a.rule_id, a.tier, a.state, a.resolved_at)) AS rows
         FROM (SELECT DISTINCT ON (b.rule_id) b.*
                 FROM alert b
                WHERE b.clinic_id = w.clinic_id AND b.episode_id = w.episode_id
                  AND b.rule_id = ANY (%(rules)s)
                ORDER BY b.rule_id, b.state = 'resolved', b.raised_at DESC) a) last
"""

_WRITE = """
WITH found AS (
    SELECT * FROM jsonb_to_recordset(%(found)s::jsonb)
        AS f (clinic_id uuid, id uuid, event_id uuid, patient_id uuid, episode_id uuid,
              rule_id text, rule_version int, tier text, respond_by timestamptz, about date,
              facts jsonb)
), raised AS (
    INSERT INTO alert (clinic_id, id, patient_id, episode_id, rule_id, rule_version, tier, state,
                       raised_at, found_at, respond_by, escalation, version, created_at,
                       updated_at)
    SELECT clinic_id, id, patient_id, episode_id, rule_id, rule_version, tier, 'open', %(now)s,
           %(now)s, respond_by, 0, 1, %(now)s, %(now)s
      FROM found
    ON CONFLICT DO NOTHING
    RETURNING clinic_id, id
), noted AS (
    INSERT INTO alert_event (clinic_id, id, alert_id, at, kind, tier, about, facts)
    SELECT f.clinic_id, f.event_id, f.id, %(now)s, 'raised', f.tier, f.about, f.facts
      FROM found f JOIN raised r ON r.clinic_id = f.clinic_id AND r.id = f.id
)
INSERT INTO staff_notice (clinic_id, id, alert_id, staff_id, cause, state, wake_at, attempts,
                          created_at)
SELECT n.clinic_id, n.id, n.alert_id, n.staff_id, 'raised', 'ready', %(now)s, 0, %(now)s
  FROM jsonb_to_recordset(%(notices)s::jsonb)
       AS n (clinic_id uuid, id uuid, alert_id uuid, staff_id uuid)
  JOIN raised r ON r.clinic_id = n.clinic_id AND r.id = n.alert_id
"""


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


def judge_missed(
    session: Session, missed: Iterable[Missed], watching: Watching, *, now: datetime
) -> int:
    """Raise what the episodes meet by what was not done; return how many alerts."""
    episodes = sorted(set(missed))
    if not episodes:
        return 0
    rows = run(session, _FACTS, _values(episodes, watching.rules, now))
    raised = [one for row in rows for one in _judged(_Known._make(row), watching, now)]
    if raised:
        notices = _notices(session, raised, now)
        found = [_as_row(one, watching.policy, now) for one in raised]
        run(session, _WRITE, {"found": _json(found), "notices": _json(notices), "now": now})
    return len(raised)


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
            found.append(_Raised(known, finding, new_id(now=now), today))
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


def _as_row(one: _Raised, policy: AlertPolicy, now: datetime) -> dict[str, Any]:
    known, finding = one.known, one.finding
    return {
        "clinic_id": known.clinic_id,
        "id": one.id,
        "event_id": new_id(now=now),
        "patient_id": known.patient_id,
        "episode_id": known.episode_id,
        "rule_id": finding.rule_id,
        "rule_version": finding.rule_version,
        "tier": finding.tier,
        "respond_by": policy.paces[finding.tier].respond_by(known.times, now),
        "about": one.today,
        "facts": [fact.as_json() for fact in finding.facts],
    }


def _notices(session: Session, raised: Sequence[_Raised], now: datetime) -> list[dict[str, Any]]:
    """Return one mail a person and patient, on the first of what was found together."""
    first = {one.known.patient_id: one for one in reversed(raised)}
    asked = {
        "clinics": [one.known.clinic_id for one in first.values()],
        "patients": list(first),
        "days": [one.today for one in first.values()],
    }
    people = colleagues_by_patient(run(session, COLLEAGUES, asked))
    covers = covers_by_patient(run(session, ABSENT, asked))
    return [
        {
            "clinic_id": one.known.clinic_id,
            "id": new_id(now=now),
            "alert_id": one.id,
            "staff_id": staff_id,
        }
        for patient_id, one in first.items()
        for staff_id in recipients(
            people.get(patient_id, []),
            covers.get(patient_id, {}),
            escalation=0,
            tier=one.finding.tier,
        )
    ]


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(rows).decode()
