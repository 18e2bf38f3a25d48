"""How fast a million due schedules become rows, against SQL, and against a hundred thousand."""

from collections.abc import Iterator
from statistics import median

from benchmarks.cluster import connected, durable_cluster, migrated, settle
from benchmarks.due_schedules import seed_due
from benchmarks.figures import Figure, alternate, ratio
from benchmarks.many_due import multiply
from benchmarks.materialise import Book
from recovery_service.embedded_postgres import EmbeddedPostgres

NAMES = ("materialise_1m_vs_sql", "materialise_1m_two_vs_sql")
TIMES = 10
MEMORY = "2GB"
# Room for the log of all of it, so that no checkpoint falls into one round and not into another.
_ROOM = ("max_wal_size = '16GB'", "checkpoint_timeout = '30min'")


def measure(
    _server: EmbeddedPostgres,
    *,
    wanted: frozenset[str] = frozenset(NAMES),
    count: int = 1_000_000,
    rounds: int = 2,
) -> list[Figure]:
    """Return the figures of materialising `count` due schedules, measured in `rounds`.

    Rates are schedules a second; a tenth of `count` is measured beside it. Both on a server of
    their own, with the memory that one with so many patients has.
    """
    with durable_cluster(memory=MEMORY) as server, connected(server, "postgres") as connection:
        for setting in _ROOM:
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")
        return _measured(server, wanted, count, rounds)


def _measured(
    server: EmbeddedPostgres, wanted: frozenset[str], count: int, rounds: int
) -> list[Figure]:
    few, many = migrated(server, "due_tenth"), "due_million"
    with connected(server, few) as connection:
        tenth = seed_due(connection, count // TIMES)
    settle(server, few)
    server.create_database(many, template=few)
    with connected(server, many) as connection:
        multiply(connection, TIMES)
    settle(server, many)
    book, small = Book(server, many, tenth * TIMES), Book(server, few, tenth)
    contestants = {
        "tenth": small.ours(1),
        "plain_tenth": small.plain,
        "one": book.ours(1),
        "sql": book.plain,
    }
    if NAMES[1] in wanted:
        contestants["two"] = book.ours(2)
    rates = alternate(contestants, rounds)
    return [figure for figure in _figures(rates, tenth * TIMES) if figure.name in wanted]


def _figures(rates: dict[str, list[float]], count: int) -> Iterator[Figure]:
    same = {
        "schedules": count,
        "speed_per_row_vs_a_tenth": _beside(rates["one"], rates["tenth"]),
        "speed_of_sql_vs_a_tenth": _beside(rates["sql"], rates["plain_tenth"]),
        "schema": "the migrated schema with its constraints and policies, as the worker's role",
    }
    yield ratio(NAMES[0], rates["one"], rates["sql"], aim=0.55, processes=1, **same)
    if "two" in rates:
        yield ratio(NAMES[1], rates["two"], rates["sql"], aim=0.85, processes=2, **same)


def _beside(many: list[float], few: list[float]) -> float:
    return round(median(one / tenth for one, tenth in zip(many, few, strict=True)), 3)
