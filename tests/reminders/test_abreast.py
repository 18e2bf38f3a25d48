"""One worker writes several batches side by side, and still each occurrence once.

Seen red with `ABREAST = 1` (the barrier breaks) and without the look at `stopping`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from recovery_service.reminders.loop import Loop
from tests.reminders.conftest import Bench
from tests.reminders.plans import rule

ITEMS = 12
BATCH = 3


def test_what_is_more_than_a_batch_is_written_side_by_side(bench: Bench) -> None:
    lineages = _due_items(bench)
    met, entries = Barrier(2), count()

    @contextmanager
    def together() -> Iterator[Session]:
        if next(entries) in {1, 2}:  # the first looks whether there is more than a batch
            met.wait(timeout=30)
        with bench.transaction() as session:
            yield session

    done = Loop(bench.sender(transaction=together), batch=BATCH).materialise()
    assert done.schedules == done.advanced == done.due == ITEMS
    assert [bench.occurrences(each) for each in lineages] == [
        [("20260302.morning", "due", None)]
    ] * ITEMS
    assert bench.deliveries() == [("ready", None, 0, 0)] * ITEMS


def test_what_fails_in_one_of_them_is_heard(bench: Bench) -> None:
    _due_items(bench)
    entries = count()

    @contextmanager
    def failing() -> Iterator[Session]:
        if next(entries) == 2:
            raise ConnectionError
        with bench.transaction() as session:
            yield session

    with pytest.raises(ConnectionError):
        Loop(bench.sender(transaction=failing), batch=BATCH).materialise()


def test_a_loop_that_is_stopping_begins_no_batch(bench: Bench) -> None:
    _due_items(bench)
    loop = Loop(bench.sender(), batch=BATCH)
    loop.stopping.set()
    assert loop.materialise().schedules == 0


def _due_items(bench: Bench) -> list[UUID]:
    patient = bench.patient(bench.clinic())
    lineages: list[UUID] = [bench.plan(patient, rule()) for _ in range(ITEMS)]
    bench.later(minutes=1)
    return lineages
