"""Every engine does the same work, at a size that measures nothing.

Only engines that the service itself brings are run; the others need what `make bench`
installs.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from benchmarks import dispatch
from benchmarks.broker import memory_broker
from benchmarks.dispatch import PEERS
from benchmarks.provider import Provider, Tally, counting_provider
from benchmarks.sending.engine import Engine, Place
from benchmarks.sending.ours import Ours
from benchmarks.sending.race import Run, race
from recovery_service.embedded_postgres import EmbeddedPostgres

COUNT = 20
HERE = [name for name in ("apscheduler", "celery") if find_spec(name)]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with counting_provider() as running:
        yield running


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with memory_broker() as url:
        yield url


@pytest.fixture
def place(postgres: EmbeddedPostgres, provider: Provider, broker: str, own_database: str) -> Place:
    return Place(
        server=postgres,
        provider=provider,
        broker=broker,
        database=f"{own_database}_race",
        processes=1,
        in_flight=2,
    )


def test_ours_sends_what_is_due_and_keeps_the_future(place: Place) -> None:
    run = race(Ours, place, COUNT, future=4_000, patience=30)
    assert run.tally == Tally(wanted=COUNT, lost=0, duplicates=0)
    assert run.unfinished == 0


@pytest.mark.parametrize("name", HERE)
def test_a_peer_sends_what_is_due(name: str, place: Place) -> None:
    kind: type[Engine] = dispatch._load(PEERS[name])
    run = race(kind, place, COUNT, patience=30)
    assert run.tally == Tally(wanted=COUNT, lost=0, duplicates=0)
    assert run.unfinished == 0


def test_figures_name_the_best_peer_and_what_was_lost(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {"ours": 90.0, "apscheduler": 10.0, "celery": 30.0}

    def run(kind: type[Engine], _place: Place, count: int, **how: Any) -> Run:
        lost = 3 if how["kills"] and kind is not Ours else 0
        return Run(rates[kind.name], 1.0, Tally(count, lost, 0), lost)

    monkeypatch.setattr(dispatch, "race", run)
    best, future = dispatch.measure(postgres, peers=["apscheduler", "celery"], count=400, rounds=3)
    assert [best.name, future.name] == [*dispatch.NAMES]
    assert (best.value, best.detail["best_peer"], future.value) == (3, "celery", 1)
    assert best.detail["kill_9"]["celery"]["lost"] == 3
    assert best.detail["arrived"]["ours"] == {"lost": 0, "duplicates": 0, "of": 1200}
    assert future.detail["arrived"] == {"lost": 0, "duplicates": 0, "of": 2400}


def test_a_loss_of_ours_is_no_figure(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "race", lambda *_, **__: Run(1.0, 1.0, Tally(20, 1, 0), 0))
    with pytest.raises(AssertionError, match="'lost': 1"):
        dispatch.measure(postgres, peers=["celery"], rounds=1)
