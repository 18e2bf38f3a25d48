"""Fast forward: a clinic's time is moved on, and all that falls due on the way happens.

The worker's own steps are taken, as of one instant after the other at which something is
due, so that nothing here knows what a reminder is. Which clinic they see is the business of
the transactions that they are given: behind a clinic's wall there is no other.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from recovery_service.clock import ManualClock
from recovery_service.reminders.dispatch import Counts, Sender
from recovery_service.reminders.loop import tick_once
from recovery_service.reminders.work import run

# What wakes a step of the loop, each kind of it with its own index.
_WAKES = (
    ("next_due_at", "schedule", "true"),
    ("wake_at", "delivery", "state IN ('ready', 'leased')"),
    ("expires_at", "occurrence", "state IN ('due', 'snoozed')"),
    ("respond_by", "alert", "state = 'open'"),
    ("wake_at", "staff_notice", "state IN ('ready', 'leased')"),
    ("wake_at", "patient_notice", "state IN ('ready', 'leased')"),
    ("wake_at", "message_notice", "state IN ('ready', 'leased')"),
    ("sync_due_at", "destination", "retired_at IS NULL"),
    ("wake_at", "webhook_delivery", "state IN ('ready', 'leased')"),
)
_NEXT = "SELECT least({})".format(
    ", ".join(
        f"(SELECT min({at}) FROM {table} WHERE {waits} AND {at} > %(after)s)"
        for at, table, waits in _WAKES
    )
)


class Step(NamedTuple):
    """What the loop did at an instant, by name; see `tick_once`."""

    at: datetime
    counts: Counts


def fast_forward(sender: Sender, clock: ManualClock, target: datetime) -> Iterator[Step]:
    """Take the loop's steps from the clock's instant to `target`, both included.

    Yields a step for each instant at which something was due, and moves the clock there
    before. The same rows give the same steps: nothing but them says when anything happens.
    """
    sender = replace(sender, clock=clock)
    yield Step(clock(), tick_once(sender))
    while clock() < target:
        clock.set(min(_next(sender, clock()) or target, target))
        yield Step(clock(), tick_once(sender))


def _next(sender: Sender, after: datetime) -> datetime | None:
    with sender.transaction() as session:
        ((found,),) = run(session, _NEXT, {"after": after})
    return found if found is None else found.astimezone(after.tzinfo)
