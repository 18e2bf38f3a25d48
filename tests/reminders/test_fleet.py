"""Handing over and taking over: whoever exchanges the token first sends, and nobody else."""

from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest

from recovery_service.reminders.channels.protocol import Outcome, Retry, Sent
from recovery_service.reminders.dispatch import Counts, Sender, claim
from recovery_service.reminders.fleet import Chunk, HandOver, deliver, take_over
from recovery_service.reminders.held import Ticket
from recovery_service.reminders.loop import Loop
from tests.factories import PatientAtHome
from tests.reminders.conftest import LEASE, Bench
from tests.reminders.plans import rule

LEASED = "SELECT clinic_id, id, owner FROM delivery WHERE state = 'leased'"


@dataclass
class MemoryQueues:
    """Keeps the messages; `says` is what the worker is told of each."""

    says: bool = True
    messages: list[dict[str, Any]] = field(default_factory=list)

    def offer(self, chunk: Chunk) -> bool:
        self.messages.append(chunk.as_message())
        return self.says


@pytest.fixture
def queues() -> MemoryQueues:
    return MemoryQueues()


@pytest.fixture
def patient(bench: Bench) -> PatientAtHome:
    patient = bench.patient(bench.clinic())
    bench.plan(patient, rule())
    bench.channels = {"webpush": bench.channels["webpush"]}
    return patient


def hand_over(bench: Bench, queues: MemoryQueues, **changes: Any) -> Counts:
    """Let a worker notice what is due, and hand it over."""
    loop = Loop(bench.sender(**changes), deliver=HandOver(queues))
    loop.materialise()
    return loop.send("webpush")


def receive(bench: Bench, message: dict[str, Any], sender: Sender | None = None) -> Counts:
    """Let a process of the fleet take a message."""
    return deliver(sender or bench.sender(), bench.phone, Chunk.parse(message, channel="webpush"))


def test_what_is_handed_over_is_sent_by_the_fleet(
    bench: Bench, patient: PatientAtHome, queues: MemoryQueues
) -> None:
    assert hand_over(bench, queues) == {"handed_over": 1}
    assert bench.deliveries() == [("leased", None, 1, 0)]
    assert bench.phone.sent == []
    assert receive(bench, queues.messages[0])["sent"] == 1
    assert bench.deliveries() == [("sent", None, 1, 0)]


def test_a_message_holds_keys_and_a_token_and_nothing_else(
    bench: Bench, patient: PatientAtHome, queues: MemoryQueues
) -> None:
    """Planted: the patient's id beside the delivery's."""
    hand_over(bench, queues)
    ((clinic, key, owner),) = bench.rows(LEASED)
    assert queues.messages == [{"token": str(owner), "deliveries": [[str(clinic), key]]}]


def test_what_is_not_due_yet_is_never_handed_over(
    bench: Bench, patient: PatientAtHome, queues: MemoryQueues
) -> None:
    """Planted: claim without asking for the time."""
    bench.plan(patient, rule(slots={"noon": "12:00"}))
    bench.phone.answer = lambda _message: Retry(timedelta(minutes=5), "throttled")
    hand_over(bench, queues)
    receive(bench, queues.messages[0])
    assert hand_over(bench, queues) == {}, "a retry waits here, not in the broker"
    assert len(queues.messages) == 1


def test_a_second_copy_finds_nothing(
    bench: Bench, patient: PatientAtHome, queues: MemoryQueues
) -> None:
    """Planted: take over whatever the message names; both copies are sent."""
    hand_over(bench, queues)
    chunk = Chunk.parse(queues.messages[0], channel="webpush")
    first, second = bench.sender(), bench.sender()
    assert take_over(first, chunk) == chunk.tickets
    assert take_over(second, chunk) == []
    assert [row[2] for row in bench.rows(LEASED)] == [first.worker_id]
    assert receive(bench, queues.messages[0]) == {}
    assert bench.phone.asked == []


def test_a_lost_message_costs_one_lease_and_a_late_one_nothing(
    bench: Bench, patient: PatientAtHome, queues: MemoryQueues
) -> None:
    """Planted: take over whatever the message names; the late one is sent a second time."""
    hand_over(bench, queues)
    assert hand_over(bench, queues) == {}, "what waits in the broker is not handed over again"
    bench.later(seconds=LEASE.total_seconds())
    assert hand_over(bench, queues) == {"handed_over": 1}
    late, fresh = queues.messages
    assert late["token"] != fresh["token"]
    assert receive(bench, late) == {}
    assert receive(bench, fresh)["sent"] == 1
    assert receive(bench, late) == {}
    assert len(bench.phone.sent) == 1


def test_taking_over_renews_the_lease(
    bench: Bench, patient: PatientAtHome, queues: MemoryQueues
) -> None:
    """Planted: keep the old end, and what waited long is claimed while it is being sent."""
    hand_over(bench, queues)
    bench.later(seconds=LEASE.total_seconds() - 1)
    sender = bench.sender()
    taken = take_over(sender, Chunk.parse(queues.messages[0], channel="webpush"))
    bench.later(seconds=LEASE.total_seconds() - 1)
    assert len(taken) == 1
    assert claim(bench.sender(), "webpush", now=bench.clock()) == []


@pytest.mark.parametrize("arrived", [False, True])
def test_what_the_broker_does_not_take_is_sent_by_the_worker(
    bench: Bench, patient: PatientAtHome, queues: MemoryQueues, arrived: bool
) -> None:
    """Planted: send without taking over; a message whose answer was lost is sent as well.

    The broker may hold what it seems to have refused: its answer was lost.
    """
    queues.says = False
    if arrived:
        bench.phone.before = lambda: receive(bench, queues.messages[0])
    counts = hand_over(bench, queues)
    assert (counts["sent"], counts["kept"], counts["handed_over"]) == (1, 1, 0)
    assert bench.deliveries() == [("sent", None, 1, 0)]
    assert receive(bench, queues.messages[0]) == {}
    assert len(bench.phone.sent) == 1


def test_a_chunk_is_a_message_and_nothing_is_left_behind(
    bench: Bench, patient: PatientAtHome, queues: MemoryQueues
) -> None:
    for _ in range(4):
        bench.plan(bench.patient(bench.clinic()), rule())
    counts = hand_over(bench, queues, chunk=2)
    assert counts == {"handed_over": 5}
    assert [len(each["deliveries"]) for each in queues.messages] == [2, 2, 1]
    for message in queues.messages:
        receive(bench, message)
    assert [state for state, *_ in bench.deliveries()] == ["sent"] * 5


def test_a_thread_that_lost_its_lease_settles_nothing_of_its_neighbours(
    bench: Bench, patient: PatientAtHome, queues: MemoryQueues
) -> None:
    """Planted: the process's own id as the owner; what the second sends is taken for unsent.

    One process of the fleet: while its first thread waits for the provider, the lease ends,
    the chunk comes round again, and its second thread is sending it when the first is done.
    """
    sender, waits, goes_on = bench.sender(), Event(), Event()
    answers: list[Outcome] = [Retry(None, "throttled"), Sent("second")]
    bench.phone.answer = lambda _message: answers.pop(0)

    def stall() -> None:
        waits.set()
        assert goes_on.wait(30)

    bench.phone.before = stall
    hand_over(bench, queues)
    first = Thread(target=receive, args=(bench, queues.messages[0], sender))
    first.start()
    assert waits.wait(30)
    bench.later(seconds=LEASE.total_seconds())

    def let_it_go_on() -> None:
        goes_on.set()
        first.join(30)

    bench.phone.before = let_it_go_on
    hand_over(bench, queues)
    receive(bench, queues.messages[1], sender)
    assert answers == []
    assert bench.deliveries() == [("sent", None, 2, 0)]


def test_a_message_in_a_foreign_queue_takes_nothing(
    bench: Bench, patient: PatientAtHome, queues: MemoryQueues
) -> None:
    hand_over(bench, queues)
    assert take_over(bench.sender(), Chunk.parse(queues.messages[0], channel="email")) == []


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"token": "x", "deliveries": []},
        {"token": str(uuid4())},
        {"token": str(uuid4()), "deliveries": 5},
        {"token": str(uuid4()), "deliveries": [["x", 1]]},
        {"token": str(uuid4()), "deliveries": [[str(uuid4()), "1; DROP"]]},
        {"token": 5, "deliveries": [[str(uuid4()), 1]]},
    ],
)
def test_what_is_no_chunk_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"not a chunk|badly formed|invalid literal"):
        Chunk.parse(message, channel="webpush")


def test_a_chunk_comes_back_as_it_was_sent() -> None:
    chunk = Chunk(uuid4(), "sms", [Ticket(uuid4(), 1), Ticket(uuid4(), 2**62)])
    assert Chunk.parse(chunk.as_message(), channel="sms") == chunk
