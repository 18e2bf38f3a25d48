"""The rule that says on which recovery days and at which wall times an item speaks.

A rule is a value: frozen, hashable, the same for every patient who shares it.
It knows neither dates nor zones; `recurrence` lays it on a calendar.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Any, Self, TypeVar

ANCHORS = ("surgery", "discharge")
CATCH_UPS = ("latest", "none")
IDENTITIES = ("recurring", "once")
CARRIERS = ("push", "device", "none")
QUIETS = ("shift", "drop", "ignore")

MAX_DAY = 3650
MAX_SLOTS = 48
MAX_VALID_FOR = 14 * 24 * 60
#: What happens once has no next one to make way for; the window of a questionnaire is two months.
MAX_VALID_ONCE = 62 * 24 * 60
_WEEK = 7
T = TypeVar("T")
_PRIORITIES = range(1, 10)
_SLOT_NAME = re.compile(r"[a-z][a-z0-9_]{0,23}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_WINDOW = ("every_minutes", "from", "to")
_DAYS = ("anchor", "from_day", "to_day", "every_days", "weekdays")
_MANNER = ("valid_for_minutes", "catch_up", "identity", "remind_via", "quiet", "priority")
_KEYS = frozenset((*_DAYS, "slots", *_WINDOW, *_MANNER))


class InvalidRule(ValueError):
    """A rule that cannot be; `pointer` is the JSON pointer of the field inside the rule."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer}: {message}" if pointer else message)
        self.pointer = pointer
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When an item happens, relative to its anchor; an invalid one cannot be built.

    Days count from the anchor date (0 is the day itself), `to_day` is inclusive and
    None while the plan lasts. Either `every` (days) or `weekdays` (ISO, 1 is Monday)
    is set. `slots` pairs stable names with minutes of the local day (0-1439) in
    order of time; `valid_for` is in minutes. Raises `InvalidRule`.
    """

    anchor: str
    from_day: int
    to_day: int | None = None
    every: int | None = None
    weekdays: frozenset[int] = frozenset()
    slots: tuple[tuple[str, int], ...]
    valid_for: int
    catch_up: str = "latest"
    identity: str = "recurring"
    remind_via: str = "push"
    quiet: str = "shift"
    priority: int = 5

    def __post_init__(self) -> None:
        for pointer, value, words in (
            ("/anchor", self.anchor, ANCHORS),
            ("/catch_up", self.catch_up, CATCH_UPS),
            ("/identity", self.identity, IDENTITIES),
            ("/remind_via", self.remind_via, CARRIERS),
            ("/quiet", self.quiet, QUIETS),
        ):
            _check(value in words, pointer, f"must be one of {', '.join(words)}")
        _check(self.priority in _PRIORITIES, "/priority", "must be from 1 to 9")
        longest = MAX_VALID_ONCE if self.identity == "once" else MAX_VALID_FOR
        _check(0 < self.valid_for <= longest, "/valid_for_minutes", f"must be from 1 to {longest}")
        self._check_days()
        self._check_slots()
        if self.identity == "once":
            self._check_once()

    def _check_days(self) -> None:
        first, last = self.from_day, self.to_day
        _check(0 <= first <= MAX_DAY, "/from_day", f"must be from 0 to {MAX_DAY}")
        if last is not None:
            _check(first <= last <= MAX_DAY, "/to_day", f"must be from from_day to {MAX_DAY}")
        if self.every is not None:
            _check(0 < self.every <= MAX_DAY, "/every_days", f"must be from 1 to {MAX_DAY}")
            _check(not self.weekdays, "/weekdays", "cannot be combined with every_days")
            return
        _check(
            bool(self.weekdays) and self.weekdays <= frozenset(range(1, _WEEK + 1)),
            "/weekdays",
            "must name at least one day, 1 (Monday) to 7 (Sunday)",
        )
        # Whether such a rule fires must not depend on the weekday of the operation.
        longest_wait = max(self.day_steps)
        _check(
            last is None or longest_wait <= last - first,
            "/weekdays",
            "may never fire: the range of days is too short to hold one of them for sure",
        )

    def _check_slots(self) -> None:
        _check(0 < len(self.slots) <= MAX_SLOTS, "/slots", f"must be from 1 to {MAX_SLOTS}")
        names: set[str] = set()
        previous = -1
        for name, minute in self.slots:
            pointer = f"/slots/{name}"
            _check(bool(_SLOT_NAME.fullmatch(name)), "/slots", "names are a-z, 0-9 and _")
            _check(name not in names, pointer, "is named twice")
            _check(minute != previous, pointer, "has the same time as another slot")
            _check(previous < minute < 24 * 60, pointer, "must be in order, 00:00 to 23:59")
            names.add(name)
            previous = minute

    def _check_once(self) -> None:
        _check(self.to_day == self.from_day, "/to_day", "what happens once has exactly one day")
        repeated = "/every_days" if self.every else "/weekdays"
        _check(self.every == 1, repeated, "what happens once has exactly one day")
        _check(len(self.slots) == 1, "/slots", "what happens once has exactly one slot")

    @cached_property
    def day_steps(self) -> tuple[int, ...]:
        """How many days to wait for the next day that counts, by phase.

        The phase of a weekday rule is the date's ordinal modulo 7 (Sunday is 0), of an
        every-N rule the days since `from_day` modulo N: one table serves both.
        """
        if self.every:
            return (0, *range(self.every - 1, 0, -1))
        return tuple(
            min((wanted - phase) % _WEEK for wanted in self.weekdays) for phase in range(_WEEK)
        )

    @cached_property
    def minutes(self) -> tuple[int, ...]:
        """The slots' minutes of the local day, ascending."""
        return tuple(minute for _, minute in self.slots)

    @cached_property
    def validity(self) -> timedelta:
        """How long an occurrence matters after it fell due."""
        return timedelta(minutes=self.valid_for)

    def with_times(self, times: Mapping[str, int]) -> Self:
        """Return the rule at the patient's own times (slot name to minute of the day).

        The names stay, and with them the identity of every occurrence.
        """
        strangers = sorted(times.keys() - dict(self.slots).keys())
        _check(not strangers, _pointer("slots", *strangers[:1]), "is no slot of this rule")
        return replace(self, slots=_in_order({**dict(self.slots), **times}))

    @classmethod
    def parse(
        cls,
        mapping: Mapping[str, Any],
        *,
        identity: str | None = None,
        quiet: str = "shift",
        priority: int = 5,
    ) -> Self:
        """Read a rule's JSON or TOML form, strictly; raises `InvalidRule` naming the field.

        `identity` comes from the reminder kind (a rule that names another is refused);
        `quiet` and `priority` stand in where the rule says nothing. Without `every_days`
        and `weekdays` a rule is daily; what happens once needs no `to_day`.
        """
        _check(isinstance(mapping, Mapping), "", "must be an object")
        strange = sorted(mapping.keys() - _KEYS)
        _check(not strange, _pointer(*strange[:1]), "is not a field of a rule")
        own = _text(mapping, "identity", identity or "recurring")
        _check(identity in (None, own), "/identity", "differs from that of the reminder kind")
        first = _required_number(mapping, "from_day")
        last = _number(mapping, "to_day", first if own == "once" else None)
        weekdays = _weekdays(mapping)
        return cls(
            anchor=_text(mapping, "anchor"),
            from_day=first,
            to_day=last,
            every=_number(mapping, "every_days", None if weekdays else 1),
            weekdays=weekdays,
            slots=_slots(mapping),
            valid_for=_required_number(mapping, "valid_for_minutes"),
            catch_up=_text(mapping, "catch_up", "latest"),
            identity=own,
            remind_via=_text(mapping, "remind_via", "push"),
            quiet=_text(mapping, "quiet", quiet),
            priority=_required_number(mapping, "priority", priority),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the one canonical JSON form; `parse` reads it back to an equal rule."""
        days = {"every_days": self.every} if self.every else {"weekdays": sorted(self.weekdays)}
        last = {} if self.to_day is None else {"to_day": self.to_day}
        return {
            "anchor": self.anchor,
            "from_day": self.from_day,
            **last,
            **days,
            "slots": {name: f"{m // 60:02}:{m % 60:02}" for name, m in self.slots},
            "valid_for_minutes": self.valid_for,
            "catch_up": self.catch_up,
            "identity": self.identity,
            "remind_via": self.remind_via,
            "quiet": self.quiet,
            "priority": self.priority,
        }

    def hash(self) -> str:
        """Return the SHA-256 of the canonical form in hex: equal rules are stored once."""
        canonical = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def _check(holds: bool, pointer: str, message: str) -> None:
    if not holds:
        raise InvalidRule(pointer, message)


def _pointer(*keys: str) -> str:
    """Return a JSON pointer (RFC 6901) into the rule."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in keys)


def _needed(key: str, value: T | None) -> T:
    if value is None:
        raise InvalidRule(f"/{key}", "is required")
    return value


def _text(mapping: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = _needed(key, mapping.get(key, default))
    _check(isinstance(value, str), f"/{key}", "must be a text")
    return str(value)


def _number(mapping: Mapping[str, Any], key: str, default: int | None = None) -> int | None:
    value = mapping.get(key, default)
    if value is None:
        _check(key not in mapping or key == "to_day", f"/{key}", "must be a whole number")
        return None
    _check(type(value) is int, f"/{key}", "must be a whole number")
    return int(value)


def _required_number(mapping: Mapping[str, Any], key: str, default: int | None = None) -> int:
    return _needed(key, _number(mapping, key, default))


def _weekdays(mapping: Mapping[str, Any]) -> frozenset[int]:
    if "weekdays" not in mapping:
        return frozenset()
    days = mapping["weekdays"]
    _check(
        isinstance(days, list | tuple) and bool(days) and all(type(day) is int for day in days),
        "/weekdays",
        "must be a list of 1 (Monday) to 7 (Sunday)",
    )
    _check(len(set(days)) == len(days), "/weekdays", "names a day twice")
    return frozenset(days)


def _slots(mapping: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    window = [key for key in _WINDOW if key in mapping]
    if not window:
        slots = _needed("slots", mapping.get("slots"))
        _check(isinstance(slots, Mapping), "/slots", "must map names to times")
        return _in_order({name: _minute(slots[name], _pointer("slots", name)) for name in slots})
    _check("slots" not in mapping, "/slots", f"cannot be combined with {window[0]}")
    step = _required_number(mapping, "every_minutes")
    start, end = (_minute(_text(mapping, key), f"/{key}") for key in ("from", "to"))
    _check(start < end, "/to", "must be later than from")
    _check(0 < step <= end - start, "/every_minutes", "must fit between from and to")
    _check((end - start) // step < MAX_SLOTS, "/every_minutes", f"makes more than {MAX_SLOTS}")
    return tuple((f"s{m // 60:02}{m % 60:02}", m) for m in range(start, end + 1, step))


def _minute(value: object, pointer: str) -> int:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidRule(pointer, "must be a time, 00:00 to 23:59")
    return int(found[1]) * 60 + int(found[2])


def _in_order(slots: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(slots.items(), key=lambda slot: slot[1]))
