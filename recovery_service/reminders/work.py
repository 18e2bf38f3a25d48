"""What every step of the loop is handed: transactions, and statements run set-based."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import psycopg
from sqlalchemy.orm import Session

Transaction: TypeAlias = Callable[[], AbstractContextManager[Session]]
"""Begins one short transaction as the worker's role; commits at the end, or nothing is kept.

Called from several threads at once. No network call happens inside one.
"""


_BY_INDEX = "SET LOCAL enable_seqscan = off; SET LOCAL join_collapse_limit = 1"


def run(session: Session, statement: str, values: Mapping[str, Any] | None) -> list[Any]:
    """Run one statement on the driver's own connection and return its rows as tuples.

    Never prepared: a plan that no longer looks at the batch's arrays takes a batch of ten
    for one of ten thousand. Building and adapting would cost more than the statement does.
    """
    driver: psycopg.Connection[Any] = session.connection().connection.driver_connection  # type: ignore[assignment]
    cursor = driver.execute(statement, values, prepare=False)
    return cursor.fetchall() if cursor.description is not None else []


def by_index(session: Session) -> None:
    """Have the transaction's statements go from their arrays to rows by key, in written order.

    Statistics lag behind a queue. With them the planner scans whole tables that look small,
    and takes ten times longer to decide than the statement takes to run.
    """
    run(session, _BY_INDEX, None)


def array(values: Iterable[str | None]) -> str:
    """Return PostgreSQL's text form of an array of plain tokens; None becomes NULL.

    Several times faster than adapting each element. Only for values that need no quoting:
    ids, numbers, instants, keys and reasons of our own making.
    """
    return "{" + ",".join(["NULL" if value is None else value for value in values]) + "}"
