"""What a peer's task does with a reminder: one POST, and one row about the outcome.

Each thread keeps its own connection to PostgreSQL, as a pool would hand it one; the HTTP
client is the one that our channel uses.
"""

import json
import os
import threading

import psycopg
import urllib3

OUTCOMES = """
CREATE TABLE outcome (
    number bigint PRIMARY KEY, state text NOT NULL, settled_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON outcome TO recovery_worker;
"""
_KEEP = """
INSERT INTO outcome (number, state, settled_at) VALUES (%s, %s, now())
ON CONFLICT (number) DO UPDATE SET state = excluded.state, settled_at = excluded.settled_at
"""
_EVENT = {
    "type": "reminder",
    "title": "Your plan",
    "line": "It is time for what your plan has now.",
    "language": "en",
    "carries": 1,
    "ttl": 14_400,
}
_HEADERS = {"Content-Type": "application/json", "User-Agent": "benchmark"}

_of_thread = threading.local()
_of_process: dict[int, urllib3.PoolManager] = {}


def remind(number: int) -> None:
    """Hand one reminder to the provider and keep what it said."""
    body = json.dumps({**_EVENT, "id": str(number)}).encode()
    url = f"{os.environ['PROVIDER']}/r/{number}"
    answer = _client().request("POST", url, body=body, headers=_HEADERS, retries=False)
    state = "sent" if answer.status == 200 else "failed"
    _connection().execute(_KEEP, [number, state], prepare=True)


def _client() -> urllib3.PoolManager:
    """Return this process's pool of connections; one that was forked makes its own."""
    pid = os.getpid()
    if pid not in _of_process:
        _of_process.clear()
        _of_process[pid] = urllib3.PoolManager(maxsize=int(os.environ["IN_FLIGHT"]))
    return _of_process[pid]


def _connection() -> psycopg.Connection[tuple[object, ...]]:
    if getattr(_of_thread, "pid", None) != os.getpid():
        _of_thread.pid = os.getpid()
        _of_thread.connection = psycopg.connect(os.environ["OUTCOMES_URL"], autocommit=True)
    connection: psycopg.Connection[tuple[object, ...]] = _of_thread.connection
    return connection
