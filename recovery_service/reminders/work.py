"""What every step of the loop is handed: transactions, and statements run set-based."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, TypeAlias

import psycopg
from sqlalchemy.orm import Session

Transaction: TypeAlias = Callable[[], AbstractContextManager[Session]]
"""Begins one short transaction as the worker's role; commits at the end, or nothing is kept.

Called from several threads at once. No network call happens inside one.
"""


def run(session: Session, statement: str, values: Mapping[str, Any] | None) -> list[Any]:
    """Run one statement on the driver's own connection and return its rows as tuples.

    Never prepared: a plan that no longer looks at the batch's arrays takes a batch of ten
    for one of ten thousand. Building and adapting would cost more than the statement does.
    """
    return _run(session, statement, values, prepare=False)


def run_for_chunk(session: Session, statement: str, values: Mapping[str, Any]) -> list[Any]:
    """Run one statement about the few rows of a chunk, prepared.

    They are reached by key, whatever the planner thinks of their number, and planning took
    longer than many of these statements do.
    """
    return _run(session, statement, values, prepare=True)


def _run(
    session: Session, statement: str, values: Mapping[str, Any] | None, *, prepare: bool
) -> list[Any]:
    driver: psycopg.Connection[Any] = session.connection().connection.driver_connection  # type: ignore[assignment]
    cursor = driver.execute(statement, values, prepare=prepare)
    return cursor.fetchall() if cursor.description is not None else []


def array(values: Iterable[str | None]) -> str:
    """Return PostgreSQL's text form of an array of plain tokens; None becomes NULL.

    Several times faster than adapting each element. Only for values that need no quoting:
    ids, numbers, instants, keys and reasons of our own making. A UUID is read from its `hex`,
    too, which is made three times faster than its `str`.
    """
    return "{" + ",".join(["NULL" if value is None else value for value in values]) + "}"


def instants(values: Iterable[datetime | None]) -> str:
    """Return PostgreSQL's text form of an array of instants."""
    return array(None if value is None else value.isoformat() for value in values)
