"""The web server as processes: a port taken, a worker killed, a farewell, an orphan."""

import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from recovery_service.embedded_postgres import EmbeddedPostgres
from tests.e2e.installation import Installation


def children(pid: int) -> list[int]:
    """Return the processes that a process started, as Linux lists them."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in listed.read_text().split()]


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_second_server_on_the_port_says_so_and_serves_nothing(place: Installation) -> None:
    """To plant: no `require_free`; both would answer in turns."""
    place.start("web")
    told = place.run("web", expect=2).stderr
    assert f"cannot listen on 127.0.0.1 port {place.port}" in told
    assert "Traceback" not in told
    assert place.answers()


def test_a_killed_worker_is_replaced_and_the_service_goes_on(place: Installation) -> None:
    """To plant: `respawn_failed_workers=False`, with which all of it would end."""
    main = place.start("web")
    assert within(30, lambda: len(children(main.pid)) == 2)
    time.sleep(1)
    victim = children(main.pid)[0]
    os.kill(victim, signal.SIGKILL)
    assert within(30, lambda: len(set(children(main.pid)) - {victim}) == 2)
    assert within(30, place.answers)
    assert main.poll() is None


def test_a_request_in_flight_is_answered_before_the_server_ends(
    place: Installation, postgres: EmbeddedPostgres, own_database: str
) -> None:
    """A locked table keeps the request. To plant: SIGKILL in place of SIGTERM."""
    main = place.start("web")
    url = make_url(postgres.url(own_database, "recovery_migrator"))
    told = url.set(drivername="postgresql").render_as_string(hide_password=False)
    answers: list[int] = []
    with psycopg.connect(told) as holder:
        holder.execute("LOCK TABLE directory IN ACCESS EXCLUSIVE MODE")
        asking = threading.Thread(target=lambda: answers.append(_sign_in(place.port)))
        asking.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        assert within(20, lambda: bool(holder.execute(waiting).fetchone() != (0,)))
        main.terminate()
        time.sleep(0.5)
    asking.join(30)
    assert answers == [401]
    assert place.stop("web") == 0


def _sign_in(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        body = '{"email": "nobody@clinic.example", "password": "not a password of anybody"}'
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/api/v1/staff/tokens", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def test_no_orphan_goes_on_serving_when_the_main_process_is_killed(place: Installation) -> None:
    """To plant: no `end_with_parent`."""
    main = place.start("web")
    main.kill()
    assert within(20, lambda: not _listens(place.port))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
