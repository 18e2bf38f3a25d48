"""Mails to staff: claimed, sent with no transaction open, settled by their owner.

At most one mail too many after a kill, and none that was not worth sending: whoever has
seen the alert meanwhile is not written to.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import structlog

from recovery_service.domain.languages import in_language, language_of
from recovery_service.domain.staff_notices import LINES, TITLES
from recovery_service.reminders.channels.protocol import (
    Address,
    Channel,
    Dead,
    Message,
    Outcome,
    Retired,
    Retry,
    Sent,
)
from recovery_service.reminders.dispatch import Counts, Sender
from recovery_service.reminders.retry import next_try
from recovery_service.reminders.work import array, instants, run

log = structlog.get_logger(__name__)

CHANNEL = "email"
_LIFE = timedelta(hours=24)

_CLAIM = """
WITH waiting AS (
    SELECT clinic_id, id
      FROM staff_notice
     WHERE state IN ('ready', 'leased') AND wake_at <= %(now)s
     ORDER BY wake_at
     LIMIT %(batch)s
       FOR UPDATE SKIP LOCKED
)
UPDATE staff_notice n
   SET state = 'leased', wake_at = %(lease_ends)s, attempts = n.attempts + 1
  FROM waiting w
  JOIN staff_notice x ON x.clinic_id = w.clinic_id AND x.id = w.id
  JOIN staff_member m ON m.clinic_id = x.clinic_id AND m.id = x.staff_id
  JOIN alert a ON a.clinic_id = x.clinic_id AND a.id = x.alert_id
 WHERE n.clinic_id = w.clinic_id AND n.id = w.id
RETURNING n.clinic_id, n.id, n.attempts, n.cause, n.created_at, m.email, m.locale,
          m.disabled_at IS NOT NULL,
          a.state = 'resolved' OR (a.state = 'acknowledged' AND n.cause <> 'assigned')
"""

_SETTLE = """
UPDATE staff_notice n
   SET state = r.state, reason = r.reason,
       wake_at = coalesce(r.again, n.wake_at),
       settled_at = CASE WHEN r.again IS NULL THEN %(now)s::timestamptz END
  FROM unnest(%(clinics)s::uuid[], %(ids)s::uuid[], %(states)s::text[], %(reasons)s::text[],
              %(agains)s::timestamptz[]) AS r (clinic_id, id, state, reason, again)
 WHERE n.clinic_id = r.clinic_id AND n.id = r.id
   AND n.state = 'leased' AND n.wake_at = %(lease_ends)s
RETURNING n.id
"""


class _Notice(NamedTuple):
    clinic_id: UUID
    id: UUID
    attempts: int
    cause: str
    created_at: datetime
    email: str
    locale: str
    disabled: bool
    seen: bool


class _Became(NamedTuple):
    notice: _Notice
    state: str
    reason: str | None = None
    again: datetime | None = None


def notify(sender: Sender, *, stopped: Callable[[], bool] = lambda: False) -> Counts:
    """Send what waits; return what became of it: `notices_sent, _ready, _dropped, _dead`."""
    counts: Counts = Counter()
    while not stopped():
        now = sender.clock()
        with sender.transaction() as session:
            rows = run(
                session,
                _CLAIM,
                {"now": now, "batch": sender.chunk, "lease_ends": now + sender.lease},
            )
        notices = [_Notice._make(row) for row in rows]
        if notices:
            became = list(_send(sender.channels.get(CHANNEL), notices, sender.clock))
            _settle(sender, became, lease_ends=now + sender.lease)
            counts.update(f"notices_{each.state}" for each in became)
        if len(notices) < sender.chunk:
            break
    return counts


def _send(
    channel: Channel | None, notices: Sequence[_Notice], clock: Callable[[], datetime]
) -> Iterator[_Became]:
    wanted = [each for each in notices if not (each.disabled or each.seen)]
    for each in notices:
        if each.disabled or each.seen:
            yield _Became(each, "dropped", "disabled" if each.disabled else "seen")
    if channel is None:
        yield from (_Became(each, "dead", "no_channel") for each in wanted)
        return
    try:
        outcomes = channel.send([(_address(each), _message(each)) for each in wanted])
    except Exception:
        # A channel promises not to raise; one that does must not take its chunk with it.
        log.exception("channel_broken", channel=CHANNEL)
        outcomes = [Retry(None, "broken")] * len(wanted)
    yield from (
        _became(each, outcome, clock()) for each, outcome in zip(wanted, outcomes, strict=True)
    )


def _became(notice: _Notice, outcome: Outcome, now: datetime) -> _Became:
    match outcome:
        case Sent():
            return _Became(notice, "sent")
        case Dead(reason=reason) | Retired(reason=reason):
            return _Became(notice, "dead", reason[:32])
        case Retry(after=asked, reason=reason):
            ends = notice.created_at + _LIFE
            again = next_try(notice.attempts, asked, now=now, expires_at=ends)
            if again is None:
                return _Became(notice, "dead", reason[:32])
            return _Became(notice, "ready", reason[:32], again)


def _settle(sender: Sender, became: Sequence[_Became], *, lease_ends: datetime) -> None:
    """Settle what is still ours; what outlived its lease belongs to whoever took it."""
    values = {
        "clinics": array(each.notice.clinic_id.hex for each in became),
        "ids": array(each.notice.id.hex for each in became),
        "states": array(each.state for each in became),
        "reasons": array(each.reason for each in became),
        "agains": instants(each.again for each in became),
        "lease_ends": lease_ends,
        "now": sender.clock(),
    }
    with sender.transaction() as session:
        run(session, _SETTLE, values)


def _address(notice: _Notice) -> Address:
    return Address(destination_id=notice.id, channel=CHANNEL, address=notice.email)


def _message(notice: _Notice) -> Message:
    language = language_of(notice.locale)
    return Message(
        delivery_id=notice.id.hex,
        occurrence_id="alert",
        kind="alert",
        title=in_language(TITLES, language),
        line=in_language(LINES[notice.cause], language),
        language=language,
        ttl=int(_LIFE.total_seconds()),
        collapse=notice.id.hex,
        urgency="high",
        deep_link="/",
    )
