"""The next chunk is taken while the one before is sent, and never goes out on an old look."""

import time
from collections.abc import Callable
from uuid import UUID

import pytest

from recovery_service.reminders.dispatch import Counts, dispatch
from recovery_service.reminders.loop import Loop
from tests.reminders.conftest import Bench
from tests.reminders.memory_channel import MemoryChannel
from tests.reminders.plans import rule

DONE = "UPDATE occurrence SET state = 'done', closed_at = :now WHERE state = 'due'"


def due(bench: Bench, patients: int, channel: MemoryChannel) -> list[UUID]:
    """Let so many patients have a reminder each that is ready; return their clinics."""
    bench.channels = {channel.name: channel}
    clinics = []
    for _ in range(patients):
        clinic = bench.clinic()
        bench.plan(bench.patient(clinic), rule())
        clinics.append(clinic.id)
    Loop(bench.sender()).materialise()
    return clinics


def taken(bench: Bench) -> int:
    ((count,),) = bench.rows("SELECT count(*) FROM delivery WHERE state = 'leased'")
    return int(count)


def once(act: Callable[[], object]) -> Callable[[], None]:
    """Act the first time only."""
    left = [act]

    def first() -> None:
        if left:
            left.pop()()

    return first


def send(bench: Bench, channel: MemoryChannel) -> Counts:
    return dispatch(bench.sender(chunk=2), channel)


@pytest.mark.parametrize(("resends", "most"), [(True, 4), (False, 2)])
def test_the_next_chunk_is_taken_meanwhile_unless_taken_means_begun(
    bench: Bench, resends: bool, most: int
) -> None:
    """Planted: take after sending (the first is red); ahead for whoever (the second is)."""
    phone = MemoryChannel("webpush")
    phone.resends = resends
    due(bench, 6, phone)
    seen: list[int] = []

    def look() -> None:
        """Wait for a second chunk to be taken; for half a second where none should be."""
        deadline = time.monotonic() + (10 if resends else 0.5)
        while taken(bench) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        seen.append(taken(bench))

    phone.before = once(look)
    assert send(bench, phone)["sent"] == 6
    assert seen == [most]


def test_a_chunk_that_had_to_wait_is_looked_at_again(bench: Bench) -> None:
    """Planted: send what was taken ahead, however long ago (promises 8, 10 and 15)."""
    phone = MemoryChannel("webpush")
    clinics = due(bench, 4, phone)

    def everything_is_done_meanwhile() -> None:
        while taken(bench) < 4:
            time.sleep(0.01)
        for clinic in clinics:
            bench.change(clinic, DONE, now=bench.clock())
        bench.later(seconds=2)

    phone.before = once(everything_is_done_meanwhile)
    counts = send(bench, phone)
    assert (counts["sent"], counts["completed"]) == (2, 2)
    assert len(phone.sent) == 2


def test_who_stops_sends_what_is_in_hand_and_takes_no_more(bench: Bench) -> None:
    """Planted: leave what was taken ahead to its lease."""
    phone = MemoryChannel("webpush")
    due(bench, 8, phone)
    counts = dispatch(bench.sender(chunk=2), phone, stopped=lambda: len(phone.asked) > 0)
    assert counts["sent"] == 4
    assert taken(bench) == 0
