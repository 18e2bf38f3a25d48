"""How fast due schedules become occurrences and deliveries.

Ours, with one process and with two, against one SQL statement that writes the same rows to
the same schema as the same role, and against APScheduler with one job each.
"""

from collections.abc import Iterator, Mapping
from time import perf_counter
from typing import Any

from benchmarks.cluster import (
    connected,
    copy_of,
    environment_for,
    migrated,
    plain_url,
    settle,
)
from benchmarks.due_schedules import NOW, seed_due
from benchmarks.figures import Figure, alternate, ratio
from benchmarks.processes import released, waiting
from recovery_service.embedded_postgres import EmbeddedPostgres

NAMES = ("materialise_vs_sql", "materialise_two_vs_sql", "materialise_vs_apscheduler")

# No zone arithmetic and nothing to decide: what the rows themselves cost on this schema.
# It keeps the promise that a row which exists is left alone, as ours does.
PLAIN = """
WITH fallen AS (
    INSERT INTO occurrence (clinic_id, lineage_id, occ_key, local_date, due_at, expires_at,
                            state, round)
    SELECT clinic_id, lineage_id, occ_key, local_date, due_at, expires_at, 'due', 0
      FROM owed
    ON CONFLICT (clinic_id, lineage_id, occ_key) DO NOTHING
    RETURNING clinic_id, id, lineage_id, due_at
), told AS (
    INSERT INTO delivery (clinic_id, occurrence_id, destination_id, channel, round, state, wake_at,
                          attempts)
    SELECT f.clinic_id, f.id, d.id, d.channel, 0, 'ready', f.due_at, 0
      FROM fallen f
      JOIN owed w ON w.clinic_id = f.clinic_id AND w.lineage_id = f.lineage_id
      JOIN destination d ON d.clinic_id = w.clinic_id AND d.patient_id = w.patient_id
     WHERE d.retired_at IS NULL AND d.opted_out_at IS NULL
    ON CONFLICT DO NOTHING
)
UPDATE schedule s
   SET next_date = w.next_date, next_minute = w.next_minute, next_due_at = w.next_due_at
  FROM owed w
 WHERE s.clinic_id = w.clinic_id AND s.id = w.lineage_id
"""

# What must be equal afterwards, whoever did it: how many rows, and where schedules stand.
_STATE = """
SELECT (SELECT count(*) FROM occurrence WHERE state = 'due'),
       (SELECT md5(string_agg(lineage_id || occ_key || due_at || expires_at, ','
                              ORDER BY lineage_id))
          FROM occurrence),
       (SELECT count(*) FROM delivery WHERE state = 'ready'),
       (SELECT count(*) FROM schedule WHERE next_due_at <= %s),
       (SELECT md5(string_agg(id::text || next_date || next_minute || next_due_at, ',' ORDER BY id))
          FROM schedule)
"""


def measure(
    server: EmbeddedPostgres,
    *,
    wanted: frozenset[str] = frozenset(NAMES),
    count: int = 100_000,
    jobs: int = 3_000,
    rounds: int = 5,
) -> list[Figure]:
    """Return the figures of materialising `count` due schedules, measured in `rounds`.

    Rates are schedules (APScheduler: jobs) a second.
    """
    template = migrated(server, "due")
    with connected(server, template) as connection:
        seed_due(connection, count)
    settle(server, template)
    book = Book(server, template, count)
    contestants = {
        "one": book.ours(1),
        "two": book.ours(2),
        "sql": book.plain,
        "apscheduler": book.apscheduler(jobs),
    }
    needed = {"one"} | {
        name
        for figure, names in zip(NAMES, (("sql",), ("two", "sql"), ("apscheduler",)), strict=True)
        if figure in wanted
        for name in names
    }
    rates = alternate({name: run for name, run in contestants.items() if name in needed}, rounds)
    return [figure for figure in _figures(rates, count, jobs) if figure.name in wanted]


class Book:
    """The contestants; each starts from a copy of one database, and is held to one result."""

    def __init__(self, server: EmbeddedPostgres, template: str, count: int) -> None:
        self._server = server
        self._template = template
        self._count = count
        self._seen: tuple[Any, ...] | None = None

    def ours(self, processes: int) -> Any:
        """Return a run of that many dispatchers on the same schedules."""

        def run() -> float:
            with copy_of(self._server, self._template) as database:
                environment = environment_for(self._server, database)
                with waiting(["benchmarks.dispatcher"] * processes, environment) as dispatchers:
                    started = perf_counter()
                    answers = released(dispatchers, NOW)
                    seconds = perf_counter() - started
                assert sum(each["advanced"] for each in answers) == self._count, answers
                self._compare(database)
            return self._count / seconds

        return run

    def plain(self) -> float:
        """Run the one SQL statement as the worker's role."""
        with copy_of(self._server, self._template) as database:
            with connected(self._server, database, "recovery_worker") as connection:
                started = perf_counter()
                connection.execute(PLAIN)
                seconds = perf_counter() - started
            self._compare(database)
        return self._count / seconds

    def apscheduler(self, jobs: int) -> Any:
        """Return a run of APScheduler with its store on the same server."""

        def run() -> float:
            with copy_of(self._server, self._template) as database:
                environment = {
                    "STORE_URL": self._server.url(database, "recovery_migrator"),
                    "WORKER_URL": plain_url(self._server, database, "recovery_worker"),
                    "JOBS": str(jobs),
                }
                with waiting(["benchmarks.apscheduler_store"], environment) as schedulers:
                    (answer,) = released(schedulers, NOW)
                with connected(self._server, database) as connection:
                    written = connection.execute(
                        "SELECT (SELECT count(*) FROM occurrence), (SELECT count(*) FROM delivery)"
                    ).fetchone()
                assert written == (jobs, jobs), written
            return jobs / float(answer["seconds"])

        return run

    def _compare(self, database: str) -> None:
        """Refuse a result that differs from the first: then it was not the same work."""
        with connected(self._server, database) as connection:
            state = connection.execute(_STATE, [NOW]).fetchone()
        assert state is not None
        assert state[0] == state[2] == self._count, state
        self._seen = self._seen or state
        assert state == self._seen, (state, self._seen)


def _figures(rates: Mapping[str, list[float]], count: int, jobs: int) -> Iterator[Figure]:
    schema = "the migrated schema with its constraints and policies, as the worker's role"
    same = {"schedules": count, "schema": schema}
    if "sql" in rates:
        yield ratio(NAMES[0], rates["one"], rates["sql"], aim=0.55, processes=1, **same)
    if "two" in rates:
        yield ratio(NAMES[1], rates["two"], rates["sql"], aim=0.85, processes=2, **same)
    if "apscheduler" in rates:
        theirs = {"jobs": jobs, "each_job": "writes its occurrence and delivery in one statement"}
        yield ratio(NAMES[2], rates["one"], rates["apscheduler"], aim=12, **same, **theirs)
