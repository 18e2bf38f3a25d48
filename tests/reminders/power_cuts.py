"""A worker that dies between any two of its statements."""

from collections.abc import Callable, Iterator
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

STEPS = (planner, dispatch, held, ledger, fence, follow_ups, settling, sweep)
WAYS = ("run", "run_for_chunk")


class PowerCut(BaseException):
    """The process ends here; a BaseException, so that nothing bears with it."""


@contextmanager
def power_cut_at(statement: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """End the process after the nth statement of a tick, before it can be committed."""
    numbers = count()

    def cutting(run: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        def until_cut(session: Session, text: str, values: Any) -> list[Any]:
            rows = run(session, text, values)
            if next(numbers) >= statement:
                raise PowerCut
            return rows

        return until_cut

    with monkeypatch.context() as patch:
        for module in STEPS:
            for way in (each for each in WAYS if hasattr(module, each)):
                patch.setattr(module, way, cutting(getattr(module, way)))
        yield
