"""A reply is told by a push that shows nothing of it, once, and not at night.

Defects planted, each seen red: whoever has read is told all the same; quiet hours left out;
a second reply told beside the first that still waits.
"""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from recovery_service.domain.access import Actor
from recovery_service.domain.messages import NewMessage
from recovery_service.models import Episode
from recovery_service.reminders.channels.protocol import Retired, Sent
from recovery_service.reminders.fast_forward import fast_forward
from recovery_service.services import message_replies
from tests.factories import ClinicWithStaff, PatientAtHome
from tests.reminders.conftest import Bench
from tests.reminders.memory_channel import MemoryChannel

NIGHT = timedelta(hours=13)  # 22:00 by the patient's clock
TEXT = "Take it before you sleep, and call us about the numb foot."


@pytest.fixture
def clinic(bench: Bench) -> ClinicWithStaff:
    return bench.clinic()


@pytest.fixture
def patient(bench: Bench, clinic: ClinicWithStaff) -> PatientAtHome:
    return bench.patient(clinic)


def reply(bench: Bench, clinic: ClinicWithStaff, patient: PatientAtHome) -> None:
    """Let the physiotherapist write."""
    actor: Actor = clinic.actor()
    new = NewMessage(id=uuid4(), text=TEXT, written_at=bench.clock())
    with bench.at_the_clinic(clinic.id) as session:
        episode = session.get_one(Episode, (clinic.id, patient.episode_id))
        message_replies.reply(session, actor, episode, new, now=bench.clock())


def told(bench: Bench) -> list[Any]:
    return bench.rows("SELECT state, reason FROM message_notice ORDER BY number, id")


def shown(channel: MemoryChannel) -> list[Any]:
    return [message for message in channel.sent if message.kind == "message"]


def test_a_reply_is_a_push_that_opens_the_thread_and_says_nothing_of_it(
    bench: Bench, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    reply(bench, clinic, patient)
    bench.tick()
    (push,) = shown(bench.phone)
    assert (push.deep_link, push.line) == ("/messages", "Your care team has written to you.")
    assert TEXT not in repr(push)
    assert told(bench) == [("sent", None)]
    bench.tick()
    assert len(shown(bench.phone)) == 1


def test_who_has_read_meanwhile_is_not_told(
    bench: Bench, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    reply(bench, clinic, patient)
    with bench.at_the_clinic(clinic.id) as session:
        episode = session.get_one(Episode, (clinic.id, patient.episode_id))
        message_replies.read_on(session, episode, "patient", 1, now=bench.clock())
    bench.tick()
    assert shown(bench.phone) == []
    assert told(bench) == [("dropped", "read")]


def test_at_night_it_waits_and_of_two_one_is_told(
    bench: Bench, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    bench.clock.advance(NIGHT)
    reply(bench, clinic, patient)
    bench.tick()
    assert shown(bench.phone) == []
    reply(bench, clinic, patient)
    bench.tick()
    list(fast_forward(bench.sender(), bench.clock, bench.clock() + timedelta(hours=12)))
    assert len(shown(bench.phone)) == 1
    assert told(bench) == [("dropped", "superseded"), ("sent", None)]


def test_a_device_that_is_gone_is_retired(
    bench: Bench, clinic: ClinicWithStaff, patient: PatientAtHome
) -> None:
    bench.phone.answer = lambda one: Sent(one.delivery_id) if one.silent else Retired("gone")
    reply(bench, clinic, patient)
    bench.tick()
    assert told(bench) == [("dead", "gone")]
    ((reason,),) = bench.rows("SELECT retired_reason FROM destination WHERE channel = 'webpush'")
    assert reason == "gone"
