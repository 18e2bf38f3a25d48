"""One run of one engine: warm it, let reminders fall due, and see what became of each."""

import time
from dataclasses import dataclass

from benchmarks.provider import Tally
from benchmarks.sending.engine import Engine, Place

_WARM = 100
_WARMED = 2
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Run:
    """How fast it was (reminders a second, to the last outcome), and what arrived."""

    rate: float
    seconds: float
    tally: Tally
    unfinished: int


class Stuck(RuntimeError):
    """An engine did not finish in time."""


def race(
    kind: type[Engine],
    place: Place,
    count: int,
    *,
    future: int = 0,
    kills: int = 0,
    patience: float = 120.0,
) -> Run:
    """Run an engine once, with so many reminders in the future, killing so many workers."""
    warm = _WARM * _WARMED
    place.provider.forget()
    with kind(place) as engine:
        engine.prepare(due=count + warm, future=future)
        engine.start()
        for number in range(_WARMED):
            first = count + number * _WARM
            engine.make_due(range(first, first + _WARM))
            _wait(engine, first + _WARM - count, patience)
        engine.pause()
        engine.make_due(range(count))
        started = time.monotonic()
        engine.resume()
        for number in range(kills):
            _wait_until_sent(engine, warm + count * (number + 1) // (kills + 2), patience)
            engine.replace_killed(number % engine.processes)
        complete = _wait(engine, count + warm, patience, strict=not kills)
        seconds = time.monotonic() - started
        tally = place.provider.tally(range(count))
        return Run(count / seconds, seconds, tally, count + warm - complete)


def _wait(engine: Engine, count: int, patience: float, *, strict: bool = True) -> int:
    """Wait for so many outcomes; the provider is asked first, because that costs nobody."""
    deadline = time.monotonic() + patience
    while engine.place.provider.seen()[0] < count or engine.done() < count:
        if time.monotonic() > deadline:
            if strict:
                raise Stuck(f"{engine.name}: {engine.done()} of {count}")
            break
        engine.take_over()
        time.sleep(_LOOK_SECONDS)
    return engine.done()


def _wait_until_sent(engine: Engine, count: int, patience: float) -> None:
    deadline = time.monotonic() + patience
    while engine.place.provider.seen()[0] < count:
        if time.monotonic() > deadline:
            raise Stuck(engine.name)
        time.sleep(_LOOK_SECONDS / 4)
