"""Promise 13: a poisoned rule delays only itself."""

import json
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from recovery_service.embedded_postgres import EmbeddedPostgres
from tests.reminders.conftest import Bench
from tests.reminders.plans import rule

BAD_RULE = (
    "UPDATE schedule_rule SET rule = '{}' WHERE hash ="
    " (SELECT rule_hash FROM schedule WHERE id = :lineage)"
)
POISONS = {
    "unreadable rule": BAD_RULE,
    "unknown zone": "UPDATE schedule SET time_zone = 'Moon/Tycho' WHERE id = :lineage",
    "name too long": "UPDATE schedule_rule SET rule = jsonb_set(rule, '{slots}',"
    ' \'{"a_name_that_is_too_long_for_a_slot": "09:00"}\') WHERE hash ='
    " (SELECT rule_hash FROM schedule WHERE id = :lineage)",
}


def plan_with_one_poisoned(bench: Bench, poison: str) -> UUID:
    clinic = bench.clinic()
    for _ in range(7):
        bench.plan(bench.patient(clinic), rule())
    lineage = bench.plan(bench.patient(clinic), rule(valid_for_minutes=119))
    bench.change(clinic.id, poison, lineage=lineage)
    return lineage


@pytest.mark.parametrize("poison", list(POISONS))
def test_a_poisoned_schedule_delays_only_itself(
    bench: Bench, poison: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Planted: let the error out of the batch, and nobody is reminded."""
    lineage = plan_with_one_poisoned(bench, POISONS[poison])
    counts = bench.tick()
    assert (counts["materialised"], counts["poisoned"]) == (7, 1)
    assert len(bench.phone.sent) == 7
    assert bench.rows("SELECT failures, next_due_at FROM schedule WHERE id = :id", id=lineage) == [
        (1, bench.clock() + timedelta(minutes=1))
    ]

    bench.later(minutes=1)
    bench.tick()
    assert bench.rows("SELECT failures, next_due_at FROM schedule WHERE id = :id", id=lineage) == [
        (2, bench.clock() + timedelta(minutes=2))
    ]
    said = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line[:1] == "{"]
    poisoned = [each for each in said if each["event"] == "schedule_poisoned"]
    assert [each["schedule_id"] for each in poisoned] == [str(lineage)], "said once"


def test_a_row_that_the_database_refuses_is_found_by_halving(
    bench: Bench, postgres: EmbeddedPostgres, loop_database: str
) -> None:
    """A constraint that one row of the batch violates. Planted: give up the whole batch."""
    lineage = plan_with_one_poisoned(bench, "SELECT CAST(:lineage AS uuid)")
    url = postgres.url(loop_database, "recovery_migrator").replace("+psycopg", "", 1)
    with psycopg.connect(url) as owner:
        owner.execute(
            f"ALTER TABLE occurrence ADD CONSTRAINT refuses CHECK (lineage_id <> '{lineage}')"
        )
    counts = bench.tick()
    with psycopg.connect(url) as owner:
        owner.execute("ALTER TABLE occurrence DROP CONSTRAINT refuses")
    assert (counts["materialised"], counts["poisoned"]) == (7, 1)
    assert len(bench.phone.sent) == 7
    assert bench.rows("SELECT failures FROM schedule WHERE id = :id", id=lineage) == [(1,)]


def test_a_mended_schedule_speaks_again(bench: Bench) -> None:
    lineage = plan_with_one_poisoned(bench, POISONS["unknown zone"])
    bench.tick()
    clinic_id = bench.rows("SELECT clinic_id FROM schedule WHERE id = :id", id=lineage)[0][0]
    bench.change(
        clinic_id, "UPDATE schedule SET time_zone = 'Europe/London' WHERE id = :id", id=lineage
    )
    bench.later(minutes=1)
    assert bench.tick()["materialised"] == 1
    assert bench.rows("SELECT failures FROM schedule WHERE id = :id", id=lineage) == [(0,)]
