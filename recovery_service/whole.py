"""A transaction that several use-cases are parts of; `database.whole()` begins one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Self
from uuid import UUID

from sqlalchemy.orm import Session


class BrokenWholeError(Exception):
    """A part was undone, or is another clinic's: there is nothing that could be committed."""


class Whole:
    """What is committed at once; `kept` says that a part has ended well."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.kept = self.broken = False

    @contextmanager
    def part(self, here: UUID | None, clinic_id: UUID | None) -> Iterator[Session]:
        """Run a use-case in here, where one clinic's rows are seen."""
        if clinic_id not in (None, here):
            raise BrokenWholeError
        try:
            yield self.session
            self.session.flush()  # what would fail at its commit fails here
        except BaseException:
            self.broken = True
            raise
        self.kept = True

    @contextmanager
    def entered(self) -> Iterator[Self]:
        """Let what begins a transaction from now on be a part of this."""
        token = current_whole.set(self)
        try:
            yield self
        finally:
            current_whole.reset(token)
        if self.broken:
            raise BrokenWholeError


current_whole: ContextVar[Whole | None] = ContextVar("whole", default=None)
