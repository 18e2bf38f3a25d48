"""Escalation: an alert that nobody looked at in time goes to the next people.

The patient is told as well (`patient_notices`): the app is woken silently, and a push that is
seen opens it on the advice; the monitoring promise says that nobody has looked and what to do
meanwhile.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from recovery_service.domain.alert_policy import AlertPolicy
from recovery_service.domain.escalation import MOST, Recipient, recipients
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.local_time import local_date
from recovery_service.domain.opening_times import OpeningTimes
from recovery_service.domain.red_flag_rules import TIERS
from recovery_service.reminders.colleagues import (
    ABSENT,
    COLLEAGUES,
    colleagues_by_patient,
    covers_by_patient,
    notice,
)
from recovery_service.reminders.patient_notices import telling
from recovery_service.reminders.raising_statements import NOTICES
from recovery_service.reminders.syncing import CHANNELS
from recovery_service.reminders.work import Transaction, run

#: A site that has meanwhile told no hours: asked again, so that it is not forgotten.
_ANYWAY = timedelta(days=1)

# Patient by patient: of what lapses together the patient hears once, however many workers there
# are. Who comes after another has done it finds the rows as they are by then.
_LAPSED = """
WITH due AS MATERIALIZED (
    SELECT clinic_id, patient_id
      FROM alert
     WHERE state = 'open' AND respond_by <= %(now)s AND escalation < %(most)s
     GROUP BY clinic_id, patient_id
     ORDER BY min(respond_by)
     LIMIT %(batch)s
), held AS MATERIALIZED (
    SELECT clinic_id, patient_id
      FROM due
     WHERE pg_try_advisory_xact_lock(hashtextextended('escalation.' || patient_id::text, 0))
)
SELECT a.clinic_id, a.id, a.patient_id, a.tier, a.escalation, a.assigned_to, p.time_zone,
       s.time_zone, s.opening_hours::text,
       ARRAY(SELECT h.day FROM site_holiday h
              WHERE h.clinic_id = s.clinic_id AND h.site_id = s.id
                AND h.day BETWEEN %(now)s::date - 1 AND %(now)s::date + 61)
  FROM held h
  JOIN alert a ON a.clinic_id = h.clinic_id AND a.patient_id = h.patient_id
  JOIN patient p ON p.clinic_id = a.clinic_id AND p.id = a.patient_id
  JOIN episode e ON e.clinic_id = a.clinic_id AND e.id = a.episode_id
  JOIN site s ON s.clinic_id = e.clinic_id AND s.id = e.site_id
 WHERE a.state = 'open' AND a.respond_by <= %(now)s AND a.escalation < %(most)s
 ORDER BY a.respond_by
   FOR UPDATE OF a SKIP LOCKED
"""

_WRITE = f"""
WITH passed AS (
    SELECT * FROM jsonb_to_recordset(%(passed)s::jsonb)
        AS x (clinic_id uuid, alert_id uuid, event_id uuid, patient_id uuid, tier text,
              respond_by timestamptz, told boolean)
), changed AS (
    UPDATE alert a
       SET escalation = a.escalation + 1, respond_by = x.respond_by, version = a.version + 1,
           updated_at = %(now)s
      FROM passed x
     WHERE a.clinic_id = x.clinic_id AND a.id = x.alert_id
), noted AS (
    INSERT INTO alert_event (clinic_id, id, alert_id, at, kind, tier)
    SELECT x.clinic_id, x.event_id, x.alert_id, %(now)s, 'escalated', x.tier FROM passed x
), woken AS (
    UPDATE destination d
       SET sync_due_at = %(now)s, sync_attempts = 0
     WHERE (d.clinic_id, d.patient_id) IN (SELECT x.clinic_id, x.patient_id FROM passed x)
       AND d.channel = ANY (%(channels)s) AND d.retired_at IS NULL
), told AS (
{telling("passed")})
{NOTICES}"""


class _Lapsed(NamedTuple):
    clinic_id: UUID
    id: UUID
    patient_id: UUID
    tier: str
    escalation: int
    assigned_to: UUID | None
    patient_zone: str
    site_zone: str
    opening_hours: str
    holidays: list[date]

    def next_by(self, policy: AlertPolicy, now: datetime) -> datetime:
        """Return by when the next people have to have looked."""
        times = OpeningTimes(
            time_zone=self.site_zone,
            hours=orjson.loads(self.opening_hours),
            holidays=frozenset(self.holidays),
        )
        try:
            due = policy.paces[self.tier].escalate_by(times, now)
        except ValueError:  # a zone that the zone data no longer have keeps nobody else waiting
            due = None
        return due or now + _ANYWAY


def escalate(transaction: Transaction, policy: AlertPolicy, *, now: datetime, batch: int) -> int:
    """Pass on what has lapsed of at most `batch` patients; return how many alerts that were.

    Three statements, whatever the number. A colleague who looks at one at this moment keeps
    it: what is locked is left alone. So is a patient whom another worker has in hand.
    """
    with transaction() as session:
        rows = run(session, _LAPSED, {"now": now, "most": MOST, "batch": batch})
        lapsed = [_Lapsed._make(row) for row in rows]
        if not lapsed:
            return 0
        asked = _asked(lapsed, now)
        people = colleagues_by_patient(run(session, COLLEAGUES, asked))
        covers = covers_by_patient(run(session, ABSENT, asked))
        notices = []
        for one in sorted(lapsed, key=lambda each: TIERS.index(each.tier)):
            to = recipients(
                people.get(one.patient_id, []),
                covers.get(one.patient_id, {}),
                escalation=one.escalation + 1,
                tier=one.tier,
                assigned_to=one.assigned_to,
            )
            notices += [(one, told) for told in to]
        run(session, _WRITE, _written(lapsed, notices, policy, now))
    return len(lapsed)


def _asked(lapsed: Sequence[_Lapsed], now: datetime) -> dict[str, list[Any]]:
    patients = {one.patient_id: one for one in lapsed}
    return {
        "clinics": [one.clinic_id for one in patients.values()],
        "patients": list(patients),
        "days": [local_date(one.patient_zone, now) for one in patients.values()],
    }


def _leads(one: _Lapsed, lapsed: Sequence[_Lapsed]) -> bool:
    """Say whether it is the most pressing of what lapsed together of its patient."""
    of_patient = [each for each in lapsed if each.patient_id == one.patient_id]
    return one is min(of_patient, key=lambda each: TIERS.index(each.tier))


def _written(
    lapsed: Sequence[_Lapsed],
    notices: Sequence[tuple[_Lapsed, Recipient]],
    policy: AlertPolicy,
    now: datetime,
) -> dict[str, Any]:
    passed = [
        {
            "clinic_id": one.clinic_id,
            "alert_id": one.id,
            "event_id": new_id(now=now),
            "patient_id": one.patient_id,
            "tier": one.tier,
            "respond_by": one.next_by(policy, now),
            "told": one.escalation < policy.paces[one.tier].tell_patient and _leads(one, lapsed),
        }
        for one in lapsed
    ]
    # One notice a way, person and patient, on the most pressing of what lapsed together.
    first: dict[tuple[UUID, Recipient], dict[str, Any]] = {}
    for one, told in notices:
        row = notice(told, one.clinic_id, one.id, "escalated", new=False, now=now)
        first.setdefault((one.patient_id, told), row)
    return {
        "passed": orjson.dumps(passed).decode(),
        "notices": orjson.dumps(list(first.values())).decode(),
        "channels": list(CHANNELS),
        "now": now,
    }
