"""A worker that dies between any two of its statements."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from sqlalchemy.orm import Session

from recovery_service.reminders import (
    dispatch,
    fence,
    follow_ups,
    held,
    ledger,
    planner,
    settling,
    sweep,
)
from recovery_service.reminders.work import run

STEPS = (planner, dispatch, held, ledger, fence, follow_ups, settling, sweep)


class PowerCut(BaseException):
    """The process ends here; a BaseException, so that nothing bears with it."""


@contextmanager
def power_cut_at(statement: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End the process after the nth statement of a tick, before it can be committed."""
    numbers = count()

    def until_cut(session: Session, text: str, values: Any) -> list[Any]:
        rows = run(session, text, values)
        if next(numbers) >= statement:
            raise PowerCut
        return rows

    with monkeypatch.context() as patch:
        for module in STEPS:
            patch.setattr(module, "run", until_cut)
        yield
