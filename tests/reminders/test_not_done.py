"""Silence and too few sessions become alerts as they are missed, once, and for the right people.

Defects planted, each seen red: silence counted over the last check-in; an alert for each
further day missed; a patient without a smartphone called silent; sessions of a pause counted.
"""

from datetime import timedelta
from typing import Any

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.reminders.loop import tick_once
from recovery_service.reminders.not_done import Watching
from recovery_service.services import alerts
from tests.factories import ClinicWithStaff, PatientAtHome
from tests.reminders.conftest import Bench
from tests.reminders.plans import rule
from tests.reports import report

DAY = timedelta(days=1)
CONTENT = Content.parse(read_content())
WATCHING = Watching(rules=CONTENT.red_flags, policy=CONTENT.alert_policy)


@pytest.fixture
def clinic(bench: Bench) -> ClinicWithStaff:
    return bench.clinic()


@pytest.fixture
def patient(bench: Bench, clinic: ClinicWithStaff) -> PatientAtHome:
    return bench.patient(clinic)


def days_pass(bench: Bench, count: int) -> None:
    """Let days pass with a worker that looks every four hours."""
    tick_once(bench.sender(watching=WATCHING), batch=bench.batch)
    for _ in range(count * 6):
        bench.later(hours=4)
        tick_once(bench.sender(watching=WATCHING), batch=bench.batch)


def raised(bench: Bench) -> list[Any]:
    return bench.rows("SELECT rule_id, tier, state FROM alert ORDER BY raised_at, id")


SILENCE = ("ADH1_SILENCE", "next_business_day", "open")
FEW = ("ADH1_ADHERENCE", "next_business_day", "open")


def test_two_expected_check_ins_missed_are_a_silence_and_one_alert(
    bench: Bench, patient: PatientAtHome
) -> None:
    bench.plan(patient, rule(), kind="check_in")
    days_pass(bench, 1)
    assert raised(bench) == []
    days_pass(bench, 1)
    assert raised(bench) == [SILENCE]
    days_pass(bench, 4)
    assert raised(bench) == [SILENCE]
    assert bench.rows("SELECT count(*) FROM alert WHERE respond_by IS NOT NULL") == [(1,)]


def test_a_check_in_ends_the_silence_whatever_day_it_is_about(
    bench: Bench, patient: PatientAtHome
) -> None:
    bench.plan(patient, rule(), kind="check_in")
    days_pass(bench, 1)
    with bench.web.app_context():
        report(patient, now=bench.clock(), nrs_back=2)
    days_pass(bench, 1)
    assert raised(bench) == []
    days_pass(bench, 2)
    assert raised(bench) == [SILENCE]


def test_a_patient_without_a_smartphone_is_called_and_not_alerted(
    bench: Bench, clinic: ClinicWithStaff
) -> None:
    patient = bench.patient(clinic, contact_mode="phone")
    bench.plan(patient, rule(), kind="check_in")
    days_pass(bench, 4)
    assert raised(bench) == []


def test_whose_phone_never_enrolled_is_a_reason_of_its_own_and_not_silent(
    bench: Bench, clinic: ClinicWithStaff
) -> None:
    patient = bench.patient(clinic, phone=False)
    bench.plan(patient, rule(), kind="check_in")
    days_pass(bench, 4)
    assert raised(bench) == []


def test_an_episode_that_cannot_be_judged_keeps_nobody_elses_open(
    bench: Bench, patient: PatientAtHome
) -> None:
    """Planted: the error passed on; the sweep closed nothing for anybody."""
    other = bench.clinic()
    broken = bench.patient(other)
    bench.change(other.id, "UPDATE site SET time_zone = 'Mars/Base'")
    for each in (patient, broken):
        bench.plan(each, rule(), kind="check_in")
    days_pass(bench, 2)
    assert raised(bench) == [SILENCE]
    assert bench.rows("SELECT count(*) FROM occurrence WHERE state = 'missed'") == [(4,)]


@pytest.mark.parametrize("state", ["on_hold", "ended"])
def test_what_is_held_or_over_is_not_silent(
    bench: Bench, clinic: ClinicWithStaff, patient: PatientAtHome, state: str
) -> None:
    bench.plan(patient, rule(), kind="check_in")
    bench.change(
        clinic.id,
        f"UPDATE episode SET state = '{state}', held_at = now()"
        + (", ended_on = DATE '2026-03-02', end_reason = 'completed'" * (state == "ended")),
    )
    days_pass(bench, 4)
    assert raised(bench) == []


def test_when_nobody_looks_any_more_nothing_is_raised(
    bench: Bench, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    bench.plan(patient, rule(), kind="check_in")
    bench.change(clinic.id, "UPDATE episode SET monitored_until = DATE '2026-03-02'")
    days_pass(bench, 4)
    assert raised(bench) == []


def test_fewer_than_half_of_the_sessions_of_a_week_are_an_alert_once_there_are_enough(
    bench: Bench, patient: PatientAtHome
) -> None:
    bench.plan(patient, rule())
    days_pass(bench, 3)
    assert raised(bench) == []
    days_pass(bench, 1)
    assert raised(bench) == [FEW]


def test_sessions_of_a_pause_count_against_nobody(
    bench: Bench, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    bench.plan(patient, rule())
    pause = '{"pause": {"from": "2026-03-02", "to": "2026-03-20"}}'
    bench.change(clinic.id, "UPDATE patient SET preferences = CAST(:p AS jsonb)", p=pause)
    days_pass(bench, 7)
    assert raised(bench) == []


def test_after_it_was_resolved_it_is_silent_for_its_days(
    bench: Bench, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    bench.plan(patient, rule(), kind="check_in")
    days_pass(bench, 2)
    ((alert_id,),) = bench.rows("SELECT id FROM alert")
    with bench.at_the_clinic(clinic.id) as session:
        alerts.resolve(session, clinic.actor(), alert_id, "not_reached", None, now=bench.clock())
    days_pass(bench, 6)
    assert [state for *_, state in raised(bench)] == ["resolved"]
    days_pass(bench, 2)
    assert [state for *_, state in raised(bench)] == ["resolved", "open"]
