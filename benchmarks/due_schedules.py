"""Schedules that are all due now, and what they owe, computed beforehand for plain SQL."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.people import Person, Town, copy_rows
from benchmarks.rules import realistic_rules
from recovery_service.domain.recurrence import Occurrence, Rule, occurrences
from recovery_service.reminders.expansion import Advance, Claimed, advance

NOW = datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
EACH = 8
RULES = 2_000
CLINICS = 4

# What the plain SQL statement reads instead of doing zone arithmetic. Unlogged, unindexed.
_OWED = """
CREATE UNLOGGED TABLE owed (
    clinic_id uuid, lineage_id uuid, patient_id uuid, occ_key text, local_date date,
    due_at timestamptz, expires_at timestamptz,
    next_date date, next_minute smallint, next_due_at timestamptz
);
GRANT SELECT ON owed TO recovery_worker;
"""


@dataclass(frozen=True)
class _Due:
    person: Person
    kind: str
    rule: Rule
    rule_hash: str
    anchor: date
    occurrence: Occurrence
    id: UUID

    def as_row(self) -> dict[str, Any]:
        return {
            "clinic_id": self.person.clinic_id,
            "id": self.id,
            "patient_id": self.person.id,
            "episode_id": self.person.episode_id,
            "kind": self.kind,
            "remind_via": "push",
            "rule_hash": self.rule_hash,
            "anchor_date": self.anchor,
            "time_zone": self.person.zone,
            "opens_at": NOW,
            "next_date": self.occurrence.local_date,
            "next_minute": self.occurrence.minute,
            "next_due_at": self.occurrence.due_at,
            "revision": 1,
            "failures": 0,
        }

    def owed(self) -> dict[str, Any]:
        """Return what the loop's own expansion says that this schedule owes."""
        advanced = self._advance()
        (fallen,) = advanced.fallen
        following = advanced.following
        return {
            "clinic_id": self.person.clinic_id,
            "lineage_id": self.id,
            "patient_id": self.person.id,
            "occ_key": fallen.occurrence.occ_key,
            "local_date": fallen.occurrence.local_date,
            "due_at": fallen.occurrence.due_at,
            "expires_at": fallen.occurrence.expires_at,
            "next_date": following and following.local_date,
            "next_minute": following and following.minute,
            "next_due_at": following and following.due_at,
        }

    def _advance(self) -> Advance:
        claimed = Claimed(
            str(self.person.clinic_id),
            str(self.id),
            str(self.person.id),
            self.kind,
            "push",
            1,
            0,
            self.rule_hash,
            self.anchor,
            self.person.zone,
            self.occurrence.local_date,
            self.occurrence.minute,
            self.occurrence.due_at,
        )
        return advance(claimed, self.rule, now=NOW)


def seed_due(connection: psycopg.Connection[Any], count: int) -> int:
    """Store that many schedules, every one due now with one occurrence; return how many."""
    random = Random(20_260_302)  # noqa: S311 - the same people in every run
    town = Town(random, NOW)
    town.fill(clinics=CLINICS, patients=-(-count // EACH))
    rules = _rules_by_clinic(town, random)
    due = [
        _draw(person, rules[person.clinic_id], town) for person in town.people for _ in range(EACH)
    ]
    due = due[:count]
    with connection.transaction():
        town.store(connection)
        copy_rows(
            connection,
            "schedule_rule",
            (
                {"clinic_id": clinic_id, "hash": key, "rule": json.dumps(rule.as_json())}
                for clinic_id, its in rules.items()
                for _, rule, key in its
            ),
        )
        copy_rows(connection, "schedule", (each.as_row() for each in due))
        connection.execute(_OWED)
        copy_rows(connection, "owed", (each.owed() for each in due))
    return len(due)


def _rules_by_clinic(town: Town, random: Random) -> dict[UUID, list[tuple[str, Rule, str]]]:
    rules = realistic_rules(RULES, random)
    share = RULES // CLINICS
    return {
        clinic_id: [(kind, rule, rule.hash()) for kind, rule in rules[n * share : (n + 1) * share]]
        for n, (clinic_id, _) in enumerate(town.clinics)
    }


def _draw(person: Person, rules: list[tuple[str, Rule, str]], town: Town) -> _Due:
    """Draw rules until one has something due that still matters."""
    while True:
        kind, rule, key = town.random.choice(rules)
        anchor = person.surgery if rule.anchor == "surgery" else person.discharge
        late = list(occurrences(rule, anchor, person.zone, NOW - rule.validity, NOW))
        if late:
            return _Due(person, kind, rule, key, anchor, late[-1], town.ids.new())
