"""The alert budget as it is: which share of check-ins alerted, counted by day and clinic.

A day that is over is counted for the last time on the day after, so that what is looked at is
two days of check-ins, whatever their number is in all; shares are then sums of a few small rows.
Days are UTC's. A check-in alerts if it raised an alert or made one more pressing; it counts
once, under the strictest tier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.domain.red_flag_rules import TIERS
from recovery_service.reminders.work import Transaction, run

#: Days that shares are told over, today among them.
WINDOWS = (7, 28)
#: Counted no more often than this.
EVERY = timedelta(minutes=5)
_DAY = timedelta(days=1)

# One worker counts at a time; whoever comes second has nothing to add.
_LAST = """
SELECT (SELECT max(counted_at) FROM alert_budget_day),
       pg_try_advisory_xact_lock(hashtext('recovery.alert_budget'))
"""

_COUNT = """
WITH received AS (
    SELECT clinic_id, (received_at AT TIME ZONE 'UTC')::date AS day, count(*) AS check_ins
      FROM check_in
     WHERE received_at >= %(since)s
     GROUP BY 1, 2
), alerting AS (
    SELECT clinic_id, min((at AT TIME ZONE 'UTC')::date) AS day,
           min(array_position(%(tiers)s::text[], tier::text)) AS place
      FROM alert_event
     WHERE at >= %(since)s AND check_in_id IS NOT NULL AND kind IN ('raised', 'worsened')
     GROUP BY clinic_id, check_in_id
), alerted AS (
    SELECT clinic_id, day, count(*) FILTER (WHERE place = 1) AS emergency,
           count(*) FILTER (WHERE place = 2) AS same_day,
           count(*) FILTER (WHERE place = 3) AS next_business_day
      FROM alerting
     GROUP BY 1, 2
)
INSERT INTO alert_budget_day AS b (clinic_id, day, check_ins, emergency, same_day,
                                   next_business_day, counted_at)
SELECT r.clinic_id, r.day, r.check_ins, coalesce(a.emergency, 0), coalesce(a.same_day, 0),
       coalesce(a.next_business_day, 0), %(now)s
  FROM received r LEFT JOIN alerted a USING (clinic_id, day)
ON CONFLICT (clinic_id, day) DO UPDATE
   SET check_ins = excluded.check_ins, emergency = excluded.emergency,
       same_day = excluded.same_day, next_business_day = excluded.next_business_day,
       counted_at = excluded.counted_at
"""

_SHARES = """
SELECT b.clinic_id, w.days, sum(b.check_ins), sum(b.emergency), sum(b.same_day),
       sum(b.next_business_day), max(b.counted_at)
  FROM unnest(%(windows)s::int[]) AS w (days)
  JOIN alert_budget_day b ON b.day > %(today)s::date - w.days AND b.day <= %(today)s::date
 WHERE %(clinic_id)s::uuid IS NULL OR b.clinic_id = %(clinic_id)s::uuid
 GROUP BY b.clinic_id, w.days
 ORDER BY b.clinic_id, w.days
"""

_VERDICTS = "SELECT kind, count(*) FROM verdict_difference WHERE at >= %(since)s GROUP BY kind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Check-ins of a clinic in the last `days`, and how many alerted by tier."""

    clinic_id: UUID
    days: int
    check_ins: int
    alerted: Mapping[str, int]
    counted_at: datetime

    def share(self, tier: str | None = None) -> float | None:
        """Return the share that alerted, of a tier or at all; None where none came."""
        count = sum(self.alerted.values()) if tier is None else self.alerted[tier]
        return count / self.check_ins if self.check_ins else None


def count_days(transaction: Transaction, *, now: datetime) -> datetime | None:
    """Count what came since, if it is time; return when it was counted last."""
    with transaction() as session:
        ((last, mine),) = run(session, _LAST, None)
        if not mine or (last is not None and now < last + EVERY):
            return last  # type: ignore[no-any-return]
        first = _midnight(now) - (max(WINDOWS) - 1) * _DAY
        since = first if last is None else max(first, _midnight(last) - _DAY)
        run(session, _COUNT, {"since": since, "now": now, "tiers": list(TIERS)})
    return now


def shares(session: Session, *, now: datetime, clinic_id: UUID | None = None) -> Sequence[Share]:
    """Return the shares of a clinic, or of all that are seen, by clinic and window."""
    values = {
        "windows": list(WINDOWS),
        "today": now.astimezone(UTC).date(),
        "clinic_id": clinic_id,
    }
    return [
        Share(
            clinic_id=clinic,
            days=days,
            check_ins=int(check_ins),
            alerted=dict(zip(TIERS, map(int, counts), strict=True)),
            counted_at=counted_at,
        )
        for clinic, days, check_ins, *counts, counted_at in run(session, _SHARES, values)
    ]


def figures(transaction: Transaction, aim: float, *, now: datetime) -> dict[str, Any]:
    """Return what is told of alerts to who watches: shares by clinic, and verdicts that differ."""
    with transaction() as session:
        found = shares(session, now=now)
        verdicts = run(session, _VERDICTS, {"since": now - max(WINDOWS) * _DAY})
    return {
        "aim": aim,
        "clinics": [
            [str(one.clinic_id), one.days, one.check_ins, *one.alerted.values()] for one in found
        ],
        "verdicts": dict(map(tuple, verdicts)),
    }


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time(tzinfo=UTC))
