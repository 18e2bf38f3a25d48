"""The fleet over a real broker: no message that is lost, repeated or late changes anything.

The defects were planted where they can be met at will: `tests/reminders/test_fleet.py`.
"""

import base64
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from recovery_service.reminders.broker import Broker
from recovery_service.reminders.fleet import Chunk
from tests.chaos.books import arrivals, assert_balanced, repeats, wait_until_settled
from tests.chaos.broker_server import PASSWORD, BrokerServer
from tests.chaos.conftest import Ward, Worker, eventually
from tests.chaos.crowd import Crowd

SEED = 20261122
ROWS, CHUNK, KILLS = 80, 10, 3
BEATING = "SELECT FROM worker_heartbeat"
TOTALS = "SELECT figures -> 'since_start' FROM worker_heartbeat"
# As if its lease had run out.
END_LEASES = "UPDATE delivery SET wake_at = now() WHERE owner = ANY (%s) RETURNING id"

Crowds = Callable[..., Crowd]


@pytest.fixture
def broker() -> Iterator[BrokerServer]:
    server = BrokerServer()
    server.start()
    yield server
    server.kill()


@pytest.fixture
def ward(ward: Ward, broker: BrokerServer, tmp_path: Path) -> Ward:
    """Return a ward whose workers know the broker; what they say is kept."""
    ward.environ |= {
        "RECOVERY_BROKER_URL": broker.url,
        "RECOVERY_LEASE_SECONDS": "60",  # nobody is taken for dead because the machine is busy
        "RECOVERY_FLEET_THREADS": "1",
        "RECOVERY_LOG_LEVEL": "WARNING",
        "CHAOS_CHUNK": str(CHUNK),
    }
    ward.log = tmp_path / "said.log"
    return ward


def test_a_worker_and_a_fleet_send_each_reminder_once(ward: Ward, crowd_of: Crowds) -> None:
    crowd = crowd_of(ROWS)
    workers = [ward.start(), ward.start(), ward.start(fleet="webpush"), ward.start(fleet="webpush")]
    wait_until_settled(ward)
    assert_balanced(ward, crowd)
    assert set(arrivals(ward).values()) == {1}
    _wait_until_counted(ward, crowd, "sent")
    _wait_until_counted(ward, crowd, "handed_over", "kept")
    done = _totals(ward)
    _end(ward, workers)
    assert done["handed_over"] >= crowd.size // 2, "the broker was of use"
    assert ward.count("SELECT count(*) FROM worker_heartbeat WHERE stopped_at IS NULL") == 0


def test_a_broker_that_is_killed_and_comes_back_empty_loses_and_repeats_nothing(
    ward: Ward, crowd_of: Crowds, broker: BrokerServer
) -> None:
    crowd = crowd_of(ROWS)
    ward.provider.behave(delay=0.5)
    ward.start()
    eventually(lambda: len(broker.waiting()) >= 5, "chunks wait in the broker")
    ward.start(fleet="webpush")
    eventually(lambda: len(arrivals(ward)) >= CHUNK, "the fleet sends")
    lost = [UUID(_in(message)["token"]) for message in broker.waiting()]
    broker.kill()
    broker.start()
    assert ward.read(END_LEASES, lost), "something was lost, or this shows nothing"
    wait_until_settled(ward)
    assert_balanced(ward, crowd)
    assert set(arrivals(ward).values()) == {1}


def test_a_message_delivered_again_and_again_changes_nothing(
    ward: Ward, crowd_of: Crowds, broker: BrokerServer
) -> None:
    crowd = crowd_of(8 * CHUNK)
    worker = ward.start()
    eventually(lambda: len(broker.waiting()) == 8, "all chunks wait in the broker")
    messages = broker.waiting()
    broker.put(messages)
    fleet = [ward.start(fleet="webpush") for _ in range(2)]
    wait_until_settled(ward)
    broker.put(messages)
    eventually(lambda: broker.waiting() == [], "late copies are taken, too")
    _wait_until_counted(ward, crowd, "sent")
    _end(ward, [worker, *fleet])
    assert_balanced(ward, crowd)
    assert set(arrivals(ward).values()) == {1}


def test_killing_the_fleet_loses_nothing_and_repeats_at_most_a_chunk_each_time(
    ward: Ward, crowd_of: Crowds
) -> None:
    crowd = crowd_of(ROWS)
    ward.provider.behave(delay=0.5)
    chance = random.Random(SEED)  # noqa: S311 - a repeatable run
    ward.environ["RECOVERY_LEASE_SECONDS"] = "4"
    ward.start()
    fleet = [ward.start(fleet="webpush") for _ in range(KILLS + 1)]
    for kill in range(KILLS):
        goal = (kill + 1) * crowd.size // (KILLS * 4)
        eventually(partial(_rang, ward, goal), f"{goal} phones ring")
        time.sleep(chance.random() / 10)
        fleet[kill].kill()
    assert len(arrivals(ward)) < crowd.size, "the run was long enough to mean something"
    wait_until_settled(ward)
    assert_balanced(ward, crowd)
    extra = sum(arrivals(ward).values()) - crowd.size
    assert extra <= CHUNK * KILLS, f"{extra} repeats, seed {SEED}"
    for pushes in repeats(ward):
        assert len({push["topic"] for push in pushes}) == 1, "a repeat replaces the first"


def test_without_its_broker_a_worker_sends_by_itself_and_says_so_once(
    ward: Ward, crowd_of: Crowds, broker: BrokerServer
) -> None:
    broker.kill()
    crowd = crowd_of(5 * CHUNK)
    workers = [ward.start(), ward.start(fleet="webpush")]
    wait_until_settled(ward)
    assert_balanced(ward, crowd)
    assert set(arrivals(ward).values()) == {1}
    assert _said(ward, "broker_gone") == 1
    broker.start()
    _put_nothing(broker)
    eventually(lambda: broker.waiting() == [], "the fleet has waited for its broker")
    _wait_until_counted(ward, crowd, "kept")
    _end(ward, workers)
    assert ward.log is not None
    assert PASSWORD not in ward.log.read_text()


def _in(message: bytes) -> dict[str, Any]:
    """Return what a message in the queue says."""
    _, said, _ = json.loads(base64.b64decode(json.loads(message)["body"]))
    return dict(said)


def _put_nothing(broker: BrokerServer) -> None:
    """Hand over a chunk that nobody claimed."""
    queues = Broker(broker.url, lease=timedelta(seconds=60))
    assert queues.offer(Chunk(uuid4(), "webpush", []))
    queues.close()


def _wait_until_counted(ward: Ward, crowd: Crowd, *what: str) -> None:
    """Wait for the heartbeats that say it; the books are ahead of them."""
    eventually(
        lambda: sum(_totals(ward)[each] for each in what) == crowd.size,
        f"{' and '.join(what)} are counted",
    )


def _rang(ward: Ward, goal: int) -> bool:
    return len(arrivals(ward)) >= goal


def _end(ward: Ward, workers: list[Worker]) -> None:
    """End processes as an operator does, and see that each goes by itself.

    Each is waited for: the others may have done it all before one of them was up.
    """
    eventually(lambda: len(ward.read(BEATING)) >= len(workers), "each says that it lives")
    for worker in workers:
        worker.send(signal.SIGTERM)
    assert [worker.ended() for worker in workers] == [0] * len(workers)


def _said(ward: Ward, event: str) -> int:
    """Return how often a line of this event was written."""
    assert ward.log is not None
    return ward.log.read_text().count(f'"event":"{event}"') if ward.log.exists() else 0


def _totals(ward: Ward) -> Counter[str]:
    """Return what all processes together say they have done."""
    totals: Counter[str] = Counter()
    for (each,) in ward.read(TOTALS):
        totals.update(each or {})
    return totals
