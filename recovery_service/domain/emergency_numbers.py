"""Whom to call: the site's numbers at home, and abroad the country's own if it is known."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery_service.domain.content_fields import Fields
from recovery_service.domain.countries import COUNTRIES, country_of
from recovery_service.domain.red_flag_rules import TIERS

FILE = "emergency_numbers.toml"
CRISIS = "crisis"
PHONES = ("clinic", "out_of_hours", "emergency", "crisis")
_STATUS = "draft_pending_clinician_signoff"
_NUMBER = re.compile(r"\d{2,6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Somebody to call: which of `PHONES`, and the number."""

    name: str
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """The numbers that hold for one patient at one moment.

    `phones` are the site's, the emergency number replaced or left out where the patient is
    in another country (`abroad`).
    """

    phones: Mapping[str, str]
    abroad: bool
    is_open: bool

    @property
    def emergency_unknown(self) -> bool:
        """Say whether no emergency number is known where the patient is."""
        return "emergency" not in self.phones


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyNumbers:
    """The emergency number by country, and which phones are shown by tier."""

    numbers: Mapping[str, str]
    calls: Mapping[str, Sequence[str]]

    def directory(
        self, phones: Mapping[str, str], *, country: str, time_zone: str, is_open: bool
    ) -> Directory:
        """Return the numbers for a patient in a zone; `country` is the site's.

        A zone that belongs to no country says nothing, so the site's numbers stand. The
        site's own crisis line is left out abroad: such lines answer at home.
        """
        there = country_of(time_zone)
        if there is None or there == country:
            return Directory(phones=phones, abroad=False, is_open=is_open)
        own = {name: phone for name, phone in phones.items() if name in ("clinic", "out_of_hours")}
        if there in self.numbers:
            own["emergency"] = self.numbers[there]
        return Directory(phones=own, abroad=True, is_open=is_open)

    def calls_for(self, kind: str, directory: Directory) -> tuple[Call, ...]:
        """Return whom to call for advice of a tier, or for words of crisis; perhaps nobody."""
        closed = "out_of_hours" if directory.is_open else "clinic"
        shown = [name for name in self.calls[kind] if name in directory.phones]
        reached = [name for name in shown if name != closed]
        return tuple(Call(name=name, phone=directory.phones[name]) for name in reached or shown)


def parse_emergency_numbers(
    raw: Mapping[str, Any], *, sources: Mapping[str, str]
) -> EmergencyNumbers:
    """Read the numbers; raises ContentError."""
    top = Fields(raw, FILE, "emergency_numbers")
    top.only("version", "status", "clinician_must_confirm", "calls", "numbers")
    top.integer("version", 1, 1_000_000)
    top.choice("status", (_STATUS,))
    numbers: dict[str, str] = {}
    for table in top.tables("numbers"):
        _add(table, numbers, sources)
    return EmergencyNumbers(numbers=numbers, calls=_calls(top.table("calls")))


def _add(table: Fields, numbers: dict[str, str], sources: Mapping[str, str]) -> None:
    table.only("number", "source", "countries")
    number = table.text("number")
    if not _NUMBER.fullmatch(number):
        table.refuse("number must be 2 to 6 digits")
    if not table.values("source") or any(key not in sources for key in table.values("source")):
        table.refuse("must have known sources")
    for country in table.values("countries"):
        if country not in COUNTRIES:
            table.refuse(f"unknown country {country!r}")
        if country in numbers:
            table.refuse(f"a second number for {country}")
        numbers[country] = number


def _calls(table: Fields) -> dict[str, tuple[str, ...]]:
    kinds = (*TIERS, CRISIS)
    table.only(*kinds)
    calls = {kind: table.values(kind) for kind in kinds}
    for kind, names in calls.items():
        if not names or any(name not in PHONES for name in names) or len({*names}) < len(names):
            table.refuse(f"calls.{kind} must name some of {', '.join(PHONES)}, each once")
    return calls
