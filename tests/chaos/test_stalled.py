"""Promise 4: a stalled sender cannot settle after losing its lease."""

import signal
from collections.abc import Callable
from datetime import timedelta

from tests.chaos.books import arrivals, wait_until_settled
from tests.chaos.conftest import Ward, eventually
from tests.chaos.crowd import Crowd

LEASED = "SELECT count(*) FROM delivery WHERE state = 'leased' AND wake_at > now()"
ATTEMPTS = "SELECT min(attempts), max(attempts), array_agg(DISTINCT state) FROM delivery"


def test_a_stalled_sender_changes_nothing_once_its_lease_is_lost(
    ward: Ward, crowd_of: Callable[..., Crowd]
) -> None:
    """SIGSTOP while the provider makes it wait, another worker takes over, SIGCONT.

    Planted: settle by key alone, without the owner; the sleeper then overwrites what the
    second worker wrote with its own, and the retry of a reminder that arrived is sent.
    """
    crowd = crowd_of(10, valid_for=timedelta(hours=2))
    ward.provider.behave(status=503, retry_after=0, delay=1, times=10)
    sleeper = ward.start()
    eventually(lambda: len(ward.provider.received()) == 10, "the first worker is sending")
    sleeper.send(signal.SIGSTOP)
    eventually(lambda: ward.count(LEASED) == 0, "its lease runs out")

    ward.start()
    wait_until_settled(ward)
    settled = ward.read(ATTEMPTS)
    assert settled == [(2, 2, ["sent"])]

    sleeper.send(signal.SIGCONT)
    eventually(lambda: ward.count(BEATING) == 2, "the sleeper is awake again")
    sleeper.send(signal.SIGTERM)
    assert sleeper.ended() == 0, "it finished what it had in hand"
    assert ward.read(ATTEMPTS) == settled
    assert set(arrivals(ward).values()) == {1}
    assert len(arrivals(ward)) == crowd.size


BEATING = "SELECT count(*) FROM worker_heartbeat WHERE beat_at > now() - interval '1 second'"
