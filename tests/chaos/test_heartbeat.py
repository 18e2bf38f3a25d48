"""Promise 14: a dead dispatcher is visible, and one that ended on purpose is no alarm."""

import signal

from tests.chaos.conftest import Ward, eventually

BEATS = "SELECT count(*) FROM worker_heartbeat WHERE beat_at > now() - interval '1 second'"
BEATS_ON = f"{BEATS} AND beat_at > started_at + interval '1 second'"
SILENT = (
    "SELECT count(*) FROM worker_heartbeat"
    " WHERE stopped_at IS NULL AND beat_at < now() - interval '1 second'"
)
STOPPED = "SELECT count(*) FROM worker_heartbeat WHERE stopped_at IS NOT NULL"


def test_a_killed_worker_falls_silent_and_one_that_ends_says_so(ward: Ward) -> None:
    """With a beat every quarter of a second a dead worker shows within one.

    In production it beats every 15 s, so three missed beats show within a minute.
    Planted: beat only at the start, and a worker that lives looks dead.
    """
    killed, ended = ward.start(), ward.start()
    eventually(lambda: ward.count(BEATS_ON) == 2, "both workers live, and not only at the start")
    killed.kill()
    eventually(lambda: ward.count(SILENT) == 1, "the dead worker is seen", within=5)
    assert ward.count(BEATS) == 1, "the other lives on"

    ended.send(signal.SIGTERM)
    assert ended.ended() == 0
    assert ward.count(STOPPED) == 1
    assert ward.count(SILENT) == 1, "one that ended on purpose is not taken for dead"
