"""What follows a reminder that was not answered: one nudge, and one try by another way.

Both are written when it is known how the first one went, wait for their time, and end at
the fence if the thing was done or the first one is known to have arrived.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from recovery_service.domain.interruptions import nudge_at
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.domain.reminder_policy import Policy
from recovery_service.reminders.held import Held
from recovery_service.reminders.work import array, instants, run_for_chunk

PUSH = frozenset({"webpush", "fcm", "apns"})
_FIRST = frozenset({"due", "late", "takeover"})

# Whether the occurrence is still open is asked by its key, in a place where the planner cannot
# turn it round: an index of open ones looks cheap to it, and is read from end to end.
_NUDGE = """
INSERT INTO delivery (clinic_id, occurrence_id, destination_id, channel, round, cause, state,
                      wake_at, attempts)
SELECT q.clinic_id, q.occurrence_id, q.destination_id, %(channel)s, q.round, 'nudge', 'ready',
       q.wake_at, 0
  FROM unnest(%(clinics)s::uuid[], %(occurrences)s::bigint[], %(destinations)s::uuid[],
              %(rounds)s::int[], %(wake_ats)s::timestamptz[])
       AS q (clinic_id, occurrence_id, destination_id, round, wake_at)
 WHERE (SELECT o.state FROM occurrence o
         WHERE o.clinic_id = q.clinic_id AND o.id = q.occurrence_id) = 'due'
ON CONFLICT DO NOTHING
"""

_FAILOVER = """
INSERT INTO delivery (clinic_id, occurrence_id, destination_id, channel, round, cause, state,
                      wake_at, attempts)
SELECT q.clinic_id, q.occurrence_id, second.id, second.channel, q.round, 'failover', 'ready',
       q.wake_at, 0
  FROM unnest(%(clinics)s::uuid[], %(patients)s::uuid[], %(occurrences)s::bigint[],
              %(rounds)s::int[], %(wake_ats)s::timestamptz[], %(ways)s::text[])
       AS q (clinic_id, patient_id, occurrence_id, round, wake_at, ways)
 CROSS JOIN LATERAL (
       SELECT t.id, t.channel
         FROM destination t
        WHERE t.clinic_id = q.clinic_id AND t.patient_id = q.patient_id
          AND t.channel = ANY (string_to_array(q.ways, ' '))
          AND t.retired_at IS NULL AND t.opted_out_at IS NULL AND t.verified_at IS NOT NULL
        ORDER BY array_position(string_to_array(q.ways, ' '), t.channel::text), t.id
        LIMIT 1) second
 WHERE (SELECT o.state FROM occurrence o
         WHERE o.clinic_id = q.clinic_id AND o.id = q.occurrence_id) IN ('due', 'snoozed')
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Gone:
    """A delivery that has had its turn: whether the provider took it, and the policy."""

    held: Held
    policy: Policy
    sent: bool


def nudge(session: Session, held: Iterable[tuple[Held, Policy]], *, now: datetime) -> None:
    """Write the one nudge of each that may have one, for when it is overdue."""
    rows = []
    for each, policy in held:
        since = max(each.due_at, now) if each.cause in _FIRST else now
        again = nudge_at(policy, since, each.expires_at, _wait_of(each))
        if again is not None:
            rows.append((each, again))
    if not rows:
        return
    run_for_chunk(
        session,
        _NUDGE,
        {
            "clinics": array(each.clinic_id.hex for each, _ in rows),
            "occurrences": array(str(each.occurrence_id) for each, _ in rows),
            "destinations": array(each.destination_id.hex for each, _ in rows),
            "rounds": array(str(each.round + 1) for each, _ in rows),
            "wake_ats": instants(again for _, again in rows),
            "channel": rows[0][0].channel,
        },
    )


def _wait_of(held: Held) -> timedelta | None:
    kind = REMINDER_KINDS.get(held.kind)
    return kind.nudge_after if kind else None


def after(session: Session, gone: Sequence[Gone], *, now: datetime) -> None:
    """Write what follows deliveries that have had their turn."""
    nudge(session, [(each.held, each.policy) for each in gone if _is_nudged(each)], now=now)
    _second_way(session, [each for each in gone if _fails_over(each)], now=now)


def _is_nudged(gone: Gone) -> bool:
    kind = REMINDER_KINDS.get(gone.held.kind)
    loud = gone.held.channel != "inbox" and gone.held.cause in _FIRST
    return gone.sent and loud and kind is not None and kind.nudged


def _fails_over(gone: Gone) -> bool:
    held, policy = gone.held, gone.policy
    kind = REMINDER_KINDS.get(held.kind)
    priority = held.priority or (kind.priority if kind else 9)
    urgent = priority <= policy.failover_priority and held.cause in _FIRST
    return urgent and held.channel in PUSH and bool(policy.failover)


def _second_way(session: Session, gone: Sequence[Gone], *, now: datetime) -> None:
    rows = []
    for each in gone:
        wait = timedelta(minutes=each.policy.failover_after) if each.sent else timedelta(0)
        if now + wait < each.held.expires_at:
            rows.append((each, now + wait))
    if not rows:
        return
    held = [each.held for each, _ in rows]
    run_for_chunk(
        session,
        _FAILOVER,
        {
            "clinics": array(each.clinic_id.hex for each in held),
            "patients": array(each.patient_id.hex for each in held),
            "occurrences": array(str(each.occurrence_id) for each in held),
            "rounds": array(str(each.round) for each in held),
            "wake_ats": instants(wake_at for _, wake_at in rows),
            "ways": [" ".join(each.policy.failover) for each, _ in rows],
        },
    )
