"""A wall clock that a test sets forward and back under a worker that runs."""

import datetime as dt
from pathlib import Path
from typing import Any

import apscheduler.executors.base
import apscheduler.schedulers.base
import apscheduler.triggers.interval

import recovery_service.clock

_READERS: tuple[Any, ...] = (
    recovery_service.clock,
    apscheduler.executors.base,
    apscheduler.schedulers.base,
    apscheduler.triggers.interval,
)


class _AnyDatetime(type):
    """Takes every datetime for one of its own, as the type that it stands in for does."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, dt.datetime)


def follow(path: Path) -> None:
    """Have this process read the time as so many seconds off as the file says."""

    class Stepped(dt.datetime, metaclass=_AnyDatetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            real = dt.datetime.now(tz)  # noqa: TID251 - this is the clock
            return real + dt.timedelta(seconds=int(path.read_text() or "0"))

    for module in _READERS:
        module.datetime = Stepped


def step(path: Path, seconds: int) -> None:
    """Set the clock, for all who follow it, at once."""
    written = path.with_suffix(".new")
    written.write_text(str(seconds))
    written.replace(path)
