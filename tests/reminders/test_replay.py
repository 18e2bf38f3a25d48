"""What died of an outage or a wrong credential gets another chance, and nothing twice.

Planted, each seen red: expired occurrences replayed; `uncertain` replayed; what another
device had shown replayed; `attempts` kept; a dry run that writes; another channel's.
"""

from datetime import timedelta

import pytest

from recovery_service.reminders.channels.protocol import Dead, Outcome, Sent
from recovery_service.reminders.replay import replay
from tests.reminders.conftest import Bench
from tests.reminders.plans import rule

HOUR = timedelta(hours=1)


def dies_of(bench: Bench, reason: str) -> None:
    """Have what is sent to phones die of a reason."""
    outcome: Outcome = Dead(reason)
    bench.phone.answer = lambda _: outcome


def works_again(bench: Bench) -> None:
    bench.phone.answer = lambda message: Sent(message.delivery_id)


def again(bench: Bench, **changes: object) -> dict[str, int]:
    now = bench.clock()
    wanted = {"since": now - 2 * HOUR, "now": now} | changes
    return replay(bench.transaction, "webpush", **wanted)  # type: ignore[arg-type]


def test_what_died_goes_out_once_more_and_only_once(bench: Bench) -> None:
    bench.plan(bench.patient(bench.clinic()), rule())
    dies_of(bench, "provider_rejected")
    bench.tick()
    assert bench.deliveries() == [("dead", "provider_rejected", 1, 0)]
    works_again(bench)
    bench.later(minutes=20)
    assert again(bench, dry=True) == {"provider_rejected": 1}
    assert bench.deliveries() == [("dead", "provider_rejected", 1, 0)]
    assert again(bench) == {"provider_rejected": 1}
    assert bench.deliveries() == [("ready", None, 0, 0)]
    assert again(bench) == {}
    bench.tick()
    assert bench.deliveries() == [("sent", None, 1, 0)]
    assert len(bench.phone.sent) == 1
    assert again(bench) == {}


@pytest.mark.parametrize("reason", ["uncertain"])
def test_what_may_have_been_sent_is_not_repeated(bench: Bench, reason: str) -> None:
    bench.plan(bench.patient(bench.clinic()), rule())
    dies_of(bench, reason)
    bench.tick()
    assert again(bench) == {}


def test_what_is_over_stays_dead(bench: Bench) -> None:
    bench.plan(bench.patient(bench.clinic()), rule())
    dies_of(bench, "provider_rejected")
    bench.tick()
    bench.later(hours=2)
    assert again(bench, since=bench.clock() - 3 * HOUR) == {}


def test_only_the_reason_the_time_and_the_channel_asked_for_are_meant(bench: Bench) -> None:
    clinic = bench.clinic()
    for reason in ("provider_rejected", "too_large"):
        bench.plan(bench.patient(clinic), rule())
        dies_of(bench, reason)
        bench.tick()
    now = bench.clock()
    assert again(bench, dry=True) == {"provider_rejected": 1, "too_large": 1}
    assert again(bench, since=now + HOUR) == {}
    assert replay(bench.transaction, "email", since=now - HOUR, now=now) == {}
    assert again(bench, reason="too_large") == {"too_large": 1}
    assert again(bench, dry=True) == {"provider_rejected": 1}


def test_a_patient_who_was_reached_another_way_is_left_in_peace(bench: Bench) -> None:
    patient = bench.patient(bench.clinic())
    bench.plan(patient, rule())
    dies_of(bench, "provider_rejected")
    bench.tick()
    bench.change(
        patient.clinic_id,
        "UPDATE delivery SET channel = 'email', state = 'sent', reason = NULL"
        " WHERE channel = 'inbox'",
    )
    assert again(bench) == {}


def test_a_bundle_that_died_comes_back_as_one_push(bench: Bench) -> None:
    patient = bench.patient(bench.clinic())
    bench.plan(patient, rule())
    bench.plan(patient, rule(), kind="check_in")
    dies_of(bench, "provider_rejected")
    bench.tick()
    works_again(bench)
    assert again(bench) == {"provider_rejected": 2}
    bench.tick()
    assert [message.carries for message in bench.phone.sent] == [2]
    (spent,) = bench.rows("SELECT pushes FROM reminder_day")
    assert spent == (1,)
