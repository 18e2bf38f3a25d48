"""How late reminders are: with a steady flow of them, and when ten thousand fall due at once.

Nothing is put in front of the worker here: schedules fall due by the wall clock, and one
`recovery-service worker` as it is shipped makes reminders of them and sends them. How late
one was is the provider's word: when it came, less when it was due.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import servers
from benchmarks.at_home import Phone, seed_at_home, shipped_content
from benchmarks.cluster import connected, environment_for, migrated, settle
from benchmarks.crowd import Crowd
from benchmarks.figures import Figure, absolute
from benchmarks.provider import Provider, counting_provider
from benchmarks.sending.engine import Worker
from benchmarks.sending.ours import WEBHOOK_SECRET
from recovery_service.embedded_postgres import EmbeddedPostgres

NAMES = ("dispatch_lag_p99_s", "nine_o_clock_s")
_BEFORE = timedelta(seconds=8)  # for the worker to start, and for a look at the quiet service
_PATIENCE = 120.0


def measure(
    server: EmbeddedPostgres,
    *,
    wanted: frozenset[str] = frozenset(NAMES),
    per_second: int = 200,
    seconds: int = 120,
    at_once: int = 10_000,
    visits: int = 40,
    phones: int = 500,
) -> list[Figure]:
    """Return the figures of being on time; each is one long run."""
    figures = []
    with counting_provider() as provider:
        if NAMES[0] in wanted:
            figures.append(_steady(server, provider, per_second, seconds))
        if NAMES[1] in wanted:
            figures.append(_nine_o_clock(server, provider, at_once, visits, phones))
    return figures


def _steady(server: EmbeddedPostgres, provider: Provider, per_second: int, seconds: int) -> Figure:
    database = migrated(server, "steady")
    count, apart = per_second * seconds, timedelta(seconds=1 / per_second)
    with connected(server, database) as connection:
        now = datetime.now(UTC)
        crowd = Crowd(connection, provider.origin, count, now)
        crowd.store()
        begins = datetime.now(UTC) + _BEFORE + timedelta(seconds=count / 20_000)
        crowd.plan_due(at=begins, apart=apart)
        settle(server, database)
        with _worker(server, database):
            _until_seen(provider, count, until=begins + timedelta(seconds=seconds))
            lags = [
                at - (begins + number * apart).timestamp()
                for number, at in provider.first_arrivals().items()
            ]
    server.drop_database(database)
    told = provider.tally(range(count))
    return absolute(
        NAMES[0],
        [_percentile(lags, 99)],
        "s",
        digits=2,
        limit=2,
        p50_s=round(_percentile(lags, 50), 2),
        longest_s=round(max(lags), 2),
        per_second=per_second,
        seconds=seconds,
        lost=told.lost,
        duplicates=told.duplicates,
        processes=1,
    )


def _nine_o_clock(
    server: EmbeddedPostgres, provider: Provider, at_once: int, visits: int, phones: int
) -> Figure:
    database = migrated(server, "nine_o_clock")
    provider.forget()
    with connected(server, database) as connection, ExitStack() as stack:
        signed_in = seed_at_home(connection, phones, now=datetime.now(UTC))
        crowd = Crowd(connection, provider.origin, at_once, datetime.now(UTC))
        crowd.store()
        settle(server, database)
        web = stack.enter_context(servers.ours(environment_for(server, database)))
        stack.enter_context(_worker(server, database))
        nine = _next_minute(datetime.now(UTC) + 2 * _BEFORE)
        crowd.plan_due(at=nine)
        connection.execute("ANALYZE schedule")
        visitors = stack.enter_context(_visitors(web, signed_in, visits, nine))
        _until_seen(provider, at_once, until=nine)
        arrived = provider.first_arrivals().values()
        took = visitors()
    server.drop_database(database)
    last = max(arrived) - nine.timestamp()
    told = provider.tally(range(at_once))
    return absolute(
        NAMES[1],
        [last],
        "s",
        digits=1,
        limit=30,
        first_s=round(min(arrived) - nine.timestamp(), 2),
        lost=told.lost,
        duplicates=told.duplicates,
        at_once=at_once,
        api=_served(took, nine.timestamp(), nine.timestamp() + last),
        visits_per_second=visits,
        processes={"web": servers.WORKERS, "worker": 1},
    )


def _served(
    took: list[tuple[float, float, int]], begins: float, ends: float
) -> dict[str, dict[str, Any]]:
    """Return how the API answered while reminders went out, and before; in milliseconds.

    `refused` has the status of each answer that was none, 0 for no answer at all.
    """
    parts = {
        "meanwhile": [each for each in took if begins <= each[0] <= ends],
        "before": [
            each for each in took if begins - _BEFORE.total_seconds() / 2 < each[0] < begins
        ],
    }
    return {
        name: {
            "p50_ms": round(_percentile([each[1] for each in rows], 50) * 1000, 1),
            "p99_ms": round(_percentile([each[1] for each in rows], 99) * 1000, 1),
            "requests": len(rows),
            "longest_ms": round(max(each[1] for each in rows) * 1000, 1),
            "refused": sorted(each[2] for each in rows if each[2] not in {200, 201}),
        }
        for name, rows in parts.items()
    }


@contextmanager
def _worker(server: EmbeddedPostgres, database: str) -> Iterator[Worker]:
    """Run the shipped worker; a development one may send to this machine."""
    own = {
        "RECOVERY_ENVIRONMENT": "development",
        "RECOVERY_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "RECOVERY_ALLOW_PRIVATE_PUSH_ENDPOINTS": "true",
    }
    worker = Worker(
        ["-m", "recovery_service.cli", "worker"], environment_for(server, database) | own
    )
    try:
        worker.wait_for("worker_started")
        yield worker
    finally:
        worker.kill()


@contextmanager
def _visitors(address: str, phones: list[Phone], rate: int, nine: datetime) -> Iterator[Any]:
    """Let patients come from before nine until well after; give what waits for their story."""
    seconds = (nine - datetime.now(UTC)).total_seconds() + 40
    with TemporaryDirectory() as folder:
        listing = Path(folder) / "phones"
        listing.write_text("".join(f"{one.token} {one.zone} {one.today}\n" for one in phones))
        form = shipped_content().check_ins.form_version
        arguments = [address, str(listing), form, str(rate), str(seconds)]
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.visitors", *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield lambda: json.loads(process.communicate(timeout=_PATIENCE)[0])
        finally:
            process.kill()
            process.communicate()


def _until_seen(provider: Provider, count: int, *, until: datetime) -> None:
    """Wait until all have come; what has not, long after it was due, is counted as lost."""
    give_up = until.timestamp() + _PATIENCE
    while provider.seen()[0] < count and time.time() < give_up:
        time.sleep(0.25)


def _next_minute(after: datetime) -> datetime:
    return after.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _percentile(values: list[float], which: int) -> float:
    return quantiles(values, n=100, method="inclusive")[which - 1] if len(values) > 1 else values[0]
