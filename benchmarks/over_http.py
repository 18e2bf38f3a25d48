"""How fast patients are served over HTTP: the check-in, and the page that opens the app.

Ours with row-level security, against FastAPI doing the bare work on the same tables without
it, and against a bare Flask route on the same server.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

import psycopg

from benchmarks import servers
from benchmarks.at_home import Phone, seed_at_home, shipped_content
from benchmarks.cluster import (
    connected,
    copy_of,
    environment_for,
    migrated,
    plain_url,
    settle,
)
from benchmarks.figures import Figure, absolute, alternate, ratio
from benchmarks.processes import dispatch_once
from benchmarks.wrk import CONNECTIONS, Load, press
from recovery_service.embedded_postgres import EmbeddedPostgres

CHECK_INS = ("checkin_vs_fastapi", "checkin_vs_bare_flask", "checkin_sessions_vs_fastapi")
ME = ("me_rps", "me_p99_ms", "me_vs_fastapi")
NAMES = (*CHECK_INS, *ME)


def measure(
    server: EmbeddedPostgres,
    *,
    wanted: frozenset[str] = frozenset(NAMES),
    patients: int = 2_000,
    seconds: float = 6,
    rounds: int = 5,
) -> list[Figure]:
    """Return the figures of serving patients, in rounds of so many seconds each.

    Rates are requests a second.
    """
    template = migrated(server, "at_home")
    now = datetime.now(UTC)
    with connected(server, template) as connection:
        phones = seed_at_home(connection, patients, now=now)
    dispatch_once(server, template, now=now)
    settle(server, template)
    figures: list[Figure] = []
    with _listing(phones) as listing, _arena(server, template, listing) as arena:
        if wanted & {*CHECK_INS}:
            figures += _check_ins(arena, seconds, rounds)
        if wanted & {*ME}:
            figures += _me(arena, phones[0], seconds, rounds)
    return [each for each in figures if each.name in wanted]


@dataclass(frozen=True)
class _Arena:
    """The servers side by side, each behind its address, ours and the twin's on equal databases."""

    server: EmbeddedPostgres
    listing: Path
    ours: str
    twin: str
    bare: str
    our_database: str
    twin_database: str

    def press(self, url: str, seconds: float, kind: str, exercised: int = 0) -> Load:
        """Put a load on an address; of a hundred forms so many tell of exercise sessions."""
        form = shipped_content().check_ins.form_version
        return press(url, seconds, [str(self.listing), kind, form, str(exercised)])

    def stored(self, database: str) -> int:
        with connected(self.server, database) as connection:
            row = connection.execute("SELECT count(*) FROM check_in").fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def _arena(server: EmbeddedPostgres, template: str, listing: Path) -> Iterator[_Arena]:
    with ExitStack() as stack:
        mine, theirs = (stack.enter_context(copy_of(server, template)) for _ in range(2))
        with connected(server, theirs) as connection:
            _tear_down_wall(connection)
        url = plain_url(server, theirs, "recovery_app").replace(
            "postgresql://", "postgresql+asyncpg://"
        )
        yield _Arena(
            server,
            listing,
            ours=stack.enter_context(servers.ours(environment_for(server, mine))),
            twin=stack.enter_context(servers.fastapi({"TWIN_URL": url})),
            bare=stack.enter_context(servers.bare_flask()),
            our_database=mine,
            twin_database=theirs,
        )


def _tear_down_wall(connection: psycopg.Connection[Any]) -> None:
    """Take row-level security off every table: the twin is spared it."""
    tables = connection.execute("SELECT oid::regclass::text FROM pg_class WHERE relrowsecurity")
    for (table,) in tables.fetchall():
        connection.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


@contextmanager
def _listing(phones: list[Phone]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "phones"
        listing.write_text("".join(f"{one.token} {one.zone} {one.today}\n" for one in phones))
        yield listing


def _check_ins(arena: _Arena, seconds: float, rounds: int) -> Iterator[Figure]:
    path = "/api/v1/me/check-ins"
    loads: dict[str, list[Load]] = {"ours": [], "sessions": [], "fastapi": [], "bare": []}

    def run(name: str, url: str, exercised: int = 0) -> Callable[[], float]:
        def once() -> float:
            loads[name].append(arena.press(url, seconds, "check_in", exercised))
            return loads[name][-1].rate

        return once

    contestants = {
        "ours": run("ours", arena.ours + path),
        "sessions": run("sessions", arena.ours + path, exercised=100),
        "fastapi": run("fastapi", arena.twin + path),
        "bare": run("bare", arena.bare + "/"),
    }
    _warm_up(contestants)
    rates = alternate(contestants, rounds)
    # The books must balance: what was answered is stored. At the end of a run wrk hangs up on
    # the requests in flight, which are stored all the same.
    ours, theirs = [*loads["ours"], *loads["sessions"]], loads["fastapi"]
    for runs, database in ((ours, arena.our_database), (theirs, arena.twin_database)):
        answered, stored = sum(each.requests for each in runs), arena.stored(database)
        assert answered <= stored <= answered + len(runs) * CONNECTIONS, (answered, stored)
    detail = {
        "p99_ms": round(median(each.p99_ms for each in loads["ours"]), 1),
        "their_p99_ms": round(median(each.p99_ms for each in loads["fastapi"]), 1),
        "stored": arena.stored(arena.our_database),
        **_SETTING,
    }
    yield ratio(CHECK_INS[0], rates["ours"], rates["fastapi"], aim=1.2, **detail)
    yield ratio(CHECK_INS[1], rates["ours"], rates["bare"], **_SETTING)
    yield ratio(CHECK_INS[2], rates["sessions"], rates["fastapi"], **_SETTING)


def _me(arena: _Arena, phone: Phone, seconds: float, rounds: int) -> Iterator[Figure]:
    path = "/api/v1/me"
    due = {
        name: _due(url + path, phone)
        for name, url in (("ours", arena.ours), ("theirs", arena.twin))
    }
    assert all(due.values()), due
    loads: list[Load] = []

    def ours() -> float:
        loads.append(arena.press(arena.ours + path, seconds, "me"))
        return loads[-1].rate

    contestants = {
        "ours": ours,
        "fastapi": lambda: arena.press(arena.twin + path, seconds, "me").rate,
    }
    _warm_up(contestants)
    loads.clear()
    rates = alternate(contestants, rounds)
    yield absolute(ME[0], rates["ours"], "requests/s", **_SETTING)
    yield absolute(ME[1], [each.p99_ms for each in loads], "ms", **_SETTING)
    yield ratio(ME[2], rates["ours"], rates["fastapi"], due_today=due, **_SETTING)


_SETTING: dict[str, Any] = {
    "workers": servers.WORKERS,
    "threads": servers.THREADS,
    "connections": CONNECTIONS,
    "row_level_security": "on for ours, off for the twin",
}


def _warm_up(contestants: Mapping[str, Callable[[], float]]) -> None:
    for run in contestants.values():
        run()


def _due(url: str, phone: Phone) -> int:
    """Return how many entries a server shows for the day."""
    bearer = {"Authorization": f"Bearer {phone.token}"}
    asked = Request(url, headers=bearer)  # noqa: S310 - our own address
    with urlopen(asked, timeout=10) as answer:  # noqa: S310
        return len(json.load(answer)["due_today"])
