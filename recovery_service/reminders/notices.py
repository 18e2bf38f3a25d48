"""Notices, to staff, patients and integrators: claimed, sent, and settled by their owner.

Nothing is sent with a transaction open. At most one notice too many after a kill, and none
that was not worth sending: what somebody has seen meanwhile is dropped when it is claimed.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

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
from recovery_service.reminders.work import array, instants, run, run_for_chunk

log = structlog.get_logger(__name__)

_WAITS = """
SELECT EXISTS (SELECT FROM {table} WHERE state IN ('ready', 'leased') AND wake_at <= %(now)s)
"""

#: For so long a notice is tried; its message is worth as much to a device that is off.
LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice as it was claimed. `no` says why it is not sent, `until` when it may be."""

    clinic_id: UUID
    id: UUID
    attempts: int
    created_at: datetime
    address: Address
    message: Message
    no: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Where notices of one sort are kept: its statements, and how a claimed row is read.

    `claim` takes `channel, now, batch, lease_ends, resends`; `settle` takes arrays `clinics,
    ids, states, reasons, agains, gones` and `lease_ends, now`. In `table` is looked whether any
    wait, by `state` and `wake_at`. `name` begins its counts. For `life` each is tried; `through`
    is what sends them, if not the sender's own channel.
    """

    name: str
    table: str
    claim: str
    settle: str
    read: Callable[[Any, datetime], Notice]
    life: timedelta = LIFE
    through: Channel | None = None


@dataclass(frozen=True, slots=True)
class _Became:
    notice: Notice
    state: str
    reason: str | None = None
    again: datetime | None = None
    gone: bool = False


def notify(
    sender: Sender, book: Book, channel: str, *, stopped: Callable[[], bool] = lambda: False
) -> Counts:
    """Send what waits for a channel; return `{name}_sent, _ready, _dropped, _dead`."""
    counts: Counts = Counter()
    to = book.through or sender.channels.get(channel)
    while not stopped():
        now = sender.clock()
        lease_ends = now + sender.lease
        values = {"channel": channel, "now": now, "batch": sender.chunk, "lease_ends": lease_ends}
        with sender.transaction() as session:
            if not _waits(session, book, now=now):
                break
            rows = run(session, book.claim, values | {"resends": to is None or to.resends})
        became = list(_send(to, book, rows, sender.clock))
        if became:
            _settle(sender, book, became, lease_ends=lease_ends)
            counts.update(f"{book.name}_{each.state}" for each in became)
        if len(rows) < sender.chunk:
            break
    return counts


def _waits(session: Session, book: Book, *, now: datetime) -> bool:
    """Ask by the index alone, prepared: planning a claim took longer than all else of a look."""
    ((found,),) = run_for_chunk(session, _WAITS.format(table=book.table), {"now": now})
    return bool(found)


def _send(
    channel: Channel | None, book: Book, rows: Sequence[Any], clock: Callable[[], datetime]
) -> Iterator[_Became]:
    now = clock()
    notices = [book.read(row, now) for row in rows]
    wanted = [each for each in notices if each.no is None and each.until is None]
    for each in notices:
        if each.no is not None:
            yield _Became(each, "dead" if each.no == "uncertain" else "dropped", each.no)
        elif each.until is not None:
            yield _Became(each, "ready", "quiet_hours", each.until)
    if channel is None:
        yield from (_Became(each, "dead", "no_channel") for each in wanted)
        return
    try:
        outcomes = channel.send([(each.address, each.message) for each in wanted])
    except Exception:
        # A channel promises not to raise; one that does must not take its chunk with it.
        log.exception("channel_broken", channel=channel.name)
        outcomes = [Retry(None, "broken")] * len(wanted)
    yield from (
        _became(each, outcome, clock(), book.life)
        for each, outcome in zip(wanted, outcomes, strict=True)
    )


def _became(notice: Notice, outcome: Outcome, now: datetime, life: timedelta) -> _Became:
    match outcome:
        case Sent():
            return _Became(notice, "sent")
        case Dead(reason=reason):
            return _Became(notice, "dead", reason[:32])
        case Retired(reason=reason):
            return _Became(notice, "dead", reason[:32], gone=True)
        case Retry(after=asked, reason=reason):
            ends = notice.created_at + life
            again = next_try(notice.attempts, asked, now=now, expires_at=ends)
            if again is None:
                return _Became(notice, "dead", reason[:32])
            return _Became(notice, "ready", reason[:32], again)


def _settle(sender: Sender, book: Book, became: Sequence[_Became], *, lease_ends: datetime) -> None:
    """Settle what is still ours; what outlived its lease belongs to whoever took it."""
    values = {
        "clinics": array(each.notice.clinic_id.hex for each in became),
        "ids": array(each.notice.id.hex for each in became),
        "states": array(each.state for each in became),
        "reasons": array(each.reason for each in became),
        "agains": instants(each.again for each in became),
        "gones": array(each.reason if each.gone else None for each in became),
        "lease_ends": lease_ends,
        "now": sender.clock(),
    }
    with sender.transaction() as session:
        run(session, book.settle, values)
