"""How fast reminders that are due reach the provider, with an outcome kept of each.

Ours against peers that do the same work: also with half a million reminders in the future,
and with a worker killed in the middle. Beside every speed stands what was lost and repeated.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import import_module
from statistics import median
from typing import Any

from benchmarks.broker import memory_broker
from benchmarks.figures import Figure, alternate, ratio
from benchmarks.provider import Provider, counting_provider
from benchmarks.sending.engine import Engine, Place
from benchmarks.sending.ours import Ours
from benchmarks.sending.race import Run, Stuck, race
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.reminders.dispatch import Sender

NAMES = ("dispatch_vs_best_peer", "dispatch_500k_future")
PEERS = {
    "apscheduler": "benchmarks.sending.apscheduler_peer:APScheduler",
    "celery": "benchmarks.sending.celery_peer:CeleryPrefork",
    "dramatiq": "benchmarks.sending.dramatiq_peer:Dramatiq",
    "procrastinate": "benchmarks.sending.procrastinate_peer:Procrastinate",
}
KILLS = 3
_FEW = 200  # for a peer with a future: some do one at a time then, some none at all
_PATIENCE = 60.0
_CHUNK = int(str(Sender.__dataclass_fields__["chunk"].default))


def measure(
    server: EmbeddedPostgres,
    *,
    wanted: frozenset[str] = frozenset(NAMES),
    peers: Sequence[str] = tuple(PEERS),
    count: int = 20_000,
    future: int = 500_000,
    rounds: int = 3,
) -> list[Figure]:
    """Return the figures of sending `count` reminders that are due, measured in `rounds`.

    Slow peers get a part of the reminders; rates are reminders a second.
    """
    engines: dict[str, type[Engine]] = {
        "ours": Ours,
        **{name: _load(PEERS[name]) for name in peers},
    }
    figures: list[Figure] = []
    with ExitStack() as stack:
        provider = stack.enter_context(counting_provider())
        track = _Track(server, provider, stack.enter_context(memory_broker()), count)
        if NAMES[0] in wanted:
            figures += _against_peers(track, engines, rounds)
        if NAMES[1] in wanted:
            figures += _with_future(track, engines, future, rounds)
    return figures


def _load(path: str) -> type[Engine]:
    module, _, name = path.partition(":")
    found: type[Engine] = getattr(import_module(module), name)
    return found


@dataclass
class _Track:
    """Where all run, and what became of every run, by engine."""

    server: EmbeddedPostgres
    provider: Provider
    broker: str
    count: int
    runs: dict[str, list[Run]] = field(default_factory=dict)

    def run(
        self,
        kind: type[Engine],
        *,
        future: int = 0,
        kills: int = 0,
        count: int | None = None,
        patience: float = 120.0,
    ) -> Run:
        made = sum(map(len, self.runs.values()))
        place = Place(
            server=self.server,
            provider=self.provider,
            broker=self.broker,
            database=f"race_{made}",
            gone_after=10 if kills else 60,
        )
        fair = max(self.count // kind.slow, 20)
        done = race(kind, place, count or fair, future=future, kills=kills, patience=patience)
        self.runs.setdefault(kind.name, []).append(done)
        return done

    def lap(self, kind: type[Engine], **how: int) -> Callable[[], float]:
        """Return a run for the alternation: nobody may lose or repeat while nothing dies."""

        def once() -> float:
            return self.run(kind, **how).rate

        return once

    def arrived(self, since: int = 0) -> dict[str, dict[str, int]]:
        """Return what each engine lost and repeated in its runs from one on."""
        return {
            name: {
                "lost": sum(run.tally.lost for run in runs[since:]),
                "duplicates": sum(run.tally.duplicates for run in runs[since:]),
                "of": sum(run.tally.wanted for run in runs[since:]),
            }
            for name, runs in self.runs.items()
        }


def _against_peers(
    track: _Track, engines: Mapping[str, type[Engine]], rounds: int
) -> Iterator[Figure]:
    rates = alternate({name: track.lap(kind) for name, kind in engines.items()}, rounds)
    quiet = track.arrived()
    assert not any(quiet["ours"][what] for what in ("lost", "duplicates")), quiet
    killed = {name: _killed(track, kind) for name, kind in engines.items()}
    medians = {name: round(median(each), 1) for name, each in rates.items()}
    best = max((name for name in engines if name != "ours"), key=lambda name: medians[name])
    yield ratio(
        NAMES[0],
        rates["ours"],
        rates[best],
        aim=3,
        best_peer=best,
        per_s=medians,
        arrived=quiet,
        kill_9=killed,
        bound_of_ours={"lost": 0, "duplicates": _CHUNK * KILLS},
        **_SETTING,
    )


def _killed(track: _Track, kind: type[Engine]) -> dict[str, Any]:
    """Kill a worker in the middle and start another: what became of every reminder."""
    run = track.run(kind, kills=KILLS, patience=_PATIENCE)
    told = {
        "lost": run.tally.lost,
        "duplicates": run.tally.duplicates,
        "without_outcome": run.unfinished,
        "of": run.tally.wanted,
        "seconds": round(run.seconds, 1),
    }
    print(f"  kill -9: {kind.name} {told}", flush=True)
    if kind is Ours:
        assert (run.tally.lost, run.unfinished) == (0, 0), told
        assert run.tally.duplicates <= _CHUNK * KILLS, told
    return told


def _with_future(
    track: _Track, engines: Mapping[str, type[Engine]], future: int, rounds: int
) -> Iterator[Figure]:
    before = len(track.runs.get("ours", ()))
    contestants = {"with": track.lap(Ours, future=future), "without": track.lap(Ours)}
    rates = alternate(contestants, rounds)
    arrived = track.arrived(before)["ours"]
    peers = {
        name: _peer_with_future(track, kind, future)
        for name, kind in engines.items()
        if kind is not Ours
    }
    yield ratio(
        NAMES[1],
        rates["with"],
        rates["without"],
        aim=0.9,
        future=future,
        arrived=arrived,
        peers_per_s=peers,
        **_SETTING,
    )


def _peer_with_future(track: _Track, kind: type[Engine], future: int) -> dict[str, float | str]:
    """Run a peer without and with a future, once: one that does not get to it says so."""
    told: dict[str, float | str] = {}
    few = min(_FEW, track.count)
    for name, coming in (("without", 0), ("with", future)):
        try:
            run = track.run(kind, future=coming, count=few, patience=_PATIENCE)
            told[name] = round(run.rate, 1)
        except Stuck as stuck:
            told[name] = f"stuck: {stuck}"
    print(f"  {future:,} in the future: {kind.name} {told}", flush=True)
    return told


_SETTING: dict[str, Any] = {
    "in_flight": Place.__dataclass_fields__["in_flight"].default,
    "processes": Place.__dataclass_fields__["processes"].default,
    "each": "a POST to one provider and its outcome in PostgreSQL; enqueuing is not counted",
}
