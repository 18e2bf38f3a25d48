"""The share of check-ins that alert, counted from what was stored, per clinic, tier and window.

Defects to be seen: count a check-in once for each alert; count one that attached to
what was open; leave the days before today uncounted; count every tick; windows a day too long.
"""

from datetime import timedelta
from typing import Any

from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

from recovery_service.reminders.alert_budget import EVERY, count_days, shares
from recovery_service.reminders.loop import Loop
from recovery_service.reminders.metrics import LoopFigures
from tests.factories import ClinicWithStaff
from tests.reminders.conftest import Bench
from tests.reminders.test_escalation import CONTENT, WATCHING
from tests.reminders.test_metrics import beat_of
from tests.reports import report

DAY = timedelta(days=1)
QUIET: dict[str, Any] = {"nrs_back": 2}


def send(bench: Bench, clinic: ClinicWithStaff, *reports: dict[str, Any]) -> None:
    """Let new patients report, one each."""
    for answers in reports:
        someone = bench.patient(clinic)
        with bench.web.app_context():
            report(someone, now=bench.clock(), **answers)


def found(bench: Bench, clinic: ClinicWithStaff) -> dict[int, tuple[int, dict[str, int]]]:
    count_days(bench.transaction, now=bench.clock())
    with bench.transaction() as session:
        rows = shares(session, now=bench.clock(), clinic_id=clinic.id)
    return {one.days: (one.check_ins, dict(one.alerted)) for one in rows}


def tiers(emergency: int = 0, same_day: int = 0, next_business_day: int = 0) -> dict[str, int]:
    return {
        "emergency": emergency,
        "same_day": same_day,
        "next_business_day": next_business_day,
    }


def test_a_check_in_counts_once_under_its_strictest_tier_in_its_own_clinic(bench: Bench) -> None:
    clinic, other = bench.clinic(), bench.clinic()
    send(bench, clinic, QUIET, QUIET, {"saddle_numb": True, "calf": "left"}, {"calf": "left"})
    send(bench, other, QUIET)
    assert found(bench, clinic) == {days: (4, tiers(1, 1)) for days in (7, 28)}
    assert found(bench, other) == {days: (1, tiers()) for days in (7, 28)}


def test_what_attaches_to_an_open_alert_is_a_check_in_that_alerts_nobody(bench: Bench) -> None:
    clinic = bench.clinic()
    someone = bench.patient(clinic)
    for _ in range(3):
        with bench.web.app_context():
            report(someone, now=bench.clock(), calf="left")
        bench.later(minutes=1)
    assert found(bench, clinic)[7] == (3, tiers(0, 1))


def test_days_leave_their_windows_and_late_ones_of_yesterday_are_counted_again(
    bench: Bench,
) -> None:
    clinic = bench.clinic()
    send(bench, clinic, {"calf": "left"}, QUIET)
    assert found(bench, clinic)[7] == (2, tiers(0, 1))
    send(bench, clinic, QUIET)  # after the count, on a day that then is over
    bench.clock.advance(DAY)
    assert found(bench, clinic)[7] == (3, tiers(0, 1))
    bench.clock.advance(5 * DAY)
    assert found(bench, clinic)[7] == (3, tiers(0, 1))
    bench.clock.advance(DAY)
    assert found(bench, clinic) == {28: (3, tiers(0, 1))}
    bench.clock.advance(21 * DAY)
    assert found(bench, clinic) == {}


def test_a_worker_that_was_away_for_days_counts_them_all(bench: Bench) -> None:
    clinic = bench.clinic()
    for _ in range(4):
        send(bench, clinic, QUIET)
        bench.clock.advance(DAY)
    assert found(bench, clinic)[7] == (4, tiers())


def test_it_is_counted_no_more_often_than_it_need_be(bench: Bench) -> None:
    clinic = bench.clinic()
    send(bench, clinic, QUIET)
    first = count_days(bench.transaction, now=bench.clock())
    send(bench, clinic, QUIET)
    bench.clock.advance(EVERY - timedelta(seconds=1))
    assert count_days(bench.transaction, now=bench.clock()) == first
    bench.clock.advance(timedelta(seconds=1))
    assert count_days(bench.transaction, now=bench.clock()) == bench.clock()
    assert found(bench, clinic)[7] == (2, tiers())


def test_who_watches_is_told_the_shares_and_the_aim(bench: Bench) -> None:
    clinic = bench.clinic()
    send(bench, clinic, QUIET, QUIET, QUIET, {"calf": "left"})
    loop = Loop(bench.sender(watching=WATCHING))
    loop.count_alerts()
    registry = CollectorRegistry()
    registry.register(LoopFigures([beat_of(bench, loop)], now=bench.clock()))
    text = generate_latest(registry).decode()
    labels = f'clinic="{clinic.id}",days="7"'
    assert f"recovery_check_ins{{{labels}}} 4.0" in text
    assert f'recovery_alert_share{{{labels},tier="same_day"}} 0.25' in text
    assert f'recovery_alert_share{{{labels},tier="any"}} 0.25' in text
    assert f"recovery_alert_budget {CONTENT.alert_policy.budget}" in text
    assert 'recovery_verdict_differences{kind="missed"} 0.0' in text
