"""How much a clinic lets its patients be reminded: defaults, and what a clinic overrides.

The defaults are conventions (grade D); no trial found names one best frequency. At most
three pushes a day in the first week, two until week six and one after, quiet from 21:00 to
08:00, one nudge, less for who does the exercises anyway (clinical design, section 6).
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from functools import cached_property, lru_cache
from typing import Any, Self

from recovery_service.domain.quiet_hours import QuietHours

FAILOVERS = ("sms", "email")

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_FAR = 3650
_DAY_MINUTES = 24 * 60
_MOST_OFFSETS = 5


class InvalidPolicy(ValueError):
    """A policy that cannot be; `faults` pairs JSON pointers inside it with messages."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{pointer}: {message}" for pointer, message in faults))
        self.faults = faults


_QUIET = QuietHours(21 * 60, 8 * 60)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What one clinic allows.

    `budget` pairs a day since surgery (exclusive) with the pushes a day before it; the last
    has the day None. `bundle`, `nudge_after` and `failover_after` are minutes. Adherence
    from `taper_from` on (a share of the exercises of seven days, at least `taper_least` of
    them due) has reminders wait until something is overdue. After `back_off_after` posture
    reminders without an answer there is one a day, after twice as many one a week.
    `breaks` caps the sitting breaks of a day. What has at most `failover_priority` goes to
    the first of `failover` that the patient has. `appointment_offsets` are minutes before.
    """

    quiet_hours: QuietHours = _QUIET
    budget: tuple[tuple[int | None, int], ...] = ((7, 3), (42, 2), (None, 1))
    bundle: int = 15
    nudge_after: int = 120
    taper_from: float = 0.8
    taper_least: int = 5
    back_off_after: int = 6
    breaks: int = 6
    failover: tuple[str, ...] = FAILOVERS
    failover_after: int = 60
    failover_priority: int = 2
    appointment_offsets: tuple[int, ...] = (7 * _DAY_MINUTES, _DAY_MINUTES, 120)
    own: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def pushes_on(self, day: int) -> int:
        """Return how many pushes a patient may get so many days after surgery."""
        return next(most for until, most in self.budget if until is None or day < until)

    @cached_property
    def bundle_span(self) -> timedelta:
        """For how long one push speaks for what falls due next."""
        return timedelta(minutes=self.bundle)

    @classmethod
    def parse(cls, overrides: Mapping[str, Any]) -> Self:
        """Read a clinic's overrides over the defaults; raises `InvalidPolicy`."""
        faults: list[tuple[str, str]] = []
        values: dict[str, Any] = {}
        for name, value in overrides.items():
            if name not in _READ:
                faults.append((f"/{name}", "There is no such setting."))
                continue
            try:
                values[name] = _READ[name](value)
            except (ValueError, TypeError, KeyError) as error:
                message = str(error) if type(error) is ValueError else "Has the wrong form."
                faults.append((f"/{name}", message))
        if faults:
            raise InvalidPolicy(faults)
        return cls(**values, own=dict(overrides))

    def as_json(self) -> dict[str, Any]:
        """Return all settings in the form that `parse` reads."""
        written: dict[str, Any] = {
            each.name: getattr(self, each.name) for each in fields(self) if each.name != "own"
        }
        window = self.quiet_hours
        written["quiet_hours"] = {"from": _clock(window.begins), "to": _clock(window.ends)}
        written["budget"] = [
            {"pushes": most} if until is None else {"until_day": until, "pushes": most}
            for until, most in self.budget
        ]
        written["failover"] = list(self.failover)
        written["appointment_offsets"] = list(self.appointment_offsets)
        return written

    def for_patient(self, preferences: Mapping[str, Any]) -> Self:
        """Return the policy with the patient's own choices over the clinic's."""
        changes: dict[str, Any] = {}
        if window := preferences.get("quiet_hours"):
            changes["quiet_hours"] = _window(window)
        if (most := preferences.get("sitting_breaks", {}).get("most")) is not None:
            changes["breaks"] = most
        if chosen := preferences.get("failover"):
            changes["failover"] = () if chosen == "none" else (chosen,)
        return replace(self, **changes) if changes else self


def _window(value: Any) -> QuietHours:
    window = QuietHours(_minute(value["from"]), _minute(value["to"]))
    if set(value) != {"from", "to"} or window.begins == window.ends:
        raise ValueError("Must have two different ends, from and to.")
    return window


def _minute(text: str) -> int:
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError("Must be a time such as 21:00.")
    return int(found[1]) * 60 + int(found[2])


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"Must be a whole number from {least} to {most}.")
        return value

    return read


def _share(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value <= 1:
        raise ValueError("Must be a share above 0 and at most 1.")
    return float(value)


def _budget(value: Any) -> tuple[tuple[int | None, int], ...]:
    return tuple(_stages(value))


def _stages(value: Any) -> Iterator[tuple[int | None, int]]:
    before = 0
    for position, stage in enumerate(value, 1):
        last = position == len(value)
        if set(stage) != ({"pushes"} if last else {"pushes", "until_day"}):
            raise ValueError("Each stage has until_day and pushes; the last has pushes alone.")
        most = _whole(0, 20)(stage["pushes"])
        if last:
            yield None, most
            return
        until = _whole(before + 1, _FAR)(stage["until_day"])
        yield until, most
        before = until
    raise ValueError("Must have at least one stage.")


def _failover(value: Any) -> tuple[str, ...]:
    if any(each not in FAILOVERS for each in value) or len(set(value)) != len(value):
        raise ValueError(f"Must be a list of some of {', '.join(FAILOVERS)}.")
    return tuple(value)


def _offsets(value: Any) -> tuple[int, ...]:
    offsets = tuple(_whole(15, 28 * _DAY_MINUTES)(each) for each in value)
    if len(set(offsets)) != len(offsets) or len(offsets) > _MOST_OFFSETS:
        raise ValueError("Must be at most five different numbers of minutes.")
    return tuple(sorted(offsets, reverse=True))


_READ: Mapping[str, Callable[[Any], Any]] = {
    "quiet_hours": _window,
    "budget": _budget,
    "bundle": _whole(0, 60),
    "nudge_after": _whole(15, 12 * 60),
    "taper_from": _share,
    "taper_least": _whole(1, 100),
    "back_off_after": _whole(1, 100),
    "breaks": _whole(0, 20),
    "failover": _failover,
    "failover_after": _whole(5, 24 * 60),
    "failover_priority": _whole(0, 9),
    "appointment_offsets": _offsets,
}


@lru_cache(maxsize=1024)
def policy_of(overrides: str) -> Policy:
    """Return the policy of a clinic's stored overrides, JSON text; the same text is read once.

    What is stored was checked when it was stored; should it be broken nevertheless, the
    defaults hold: reminders must not stop for a setting.
    """
    try:
        return Policy.parse(json.loads(overrides))
    except (InvalidPolicy, ValueError):
        return Policy()
