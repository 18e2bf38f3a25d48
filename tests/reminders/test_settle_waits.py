"""Outcomes that a provider has given are not forgotten while the database is away.

Planted: settling gave up at the first error; what had been sent would have been sent again.
"""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest

from recovery_service.reminders import dispatch
from recovery_service.reminders.dispatch import Sender

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def settling(monkeypatch: pytest.MonkeyPatch, errors: list[Exception]) -> Any:
    """Settle with a database that answers these errors first."""

    def settle(*_: object, **__: object) -> list[str]:
        if errors:
            raise errors.pop(0)
        return ["settled"]

    monkeypatch.setattr(dispatch, "settle", settle)
    monkeypatch.setattr(dispatch, "_ASK_AGAIN_SECONDS", 0)
    sender = cast("Sender", SimpleNamespace(transaction=None, worker_id=uuid4(), clock=lambda: NOW))
    return dispatch._settle(sender, [])


def test_settling_holds_on_until_the_database_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[Exception] = [psycopg.OperationalError("gone"), psycopg.OperationalError("gone")]
    assert settling(monkeypatch, gone) == ["settled"]
    assert gone == []


def test_a_mistake_of_ours_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(psycopg.ProgrammingError):
        settling(monkeypatch, [psycopg.ProgrammingError("no such column")])
