"""Attempts are counted by one statement: no race lets one more through."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from secrets import token_bytes

import pytest
from flask import Flask

from recovery_service.database import transaction
from recovery_service.errors import TooManyRequests
from recovery_service.services.attempts import clear_attempts, count_attempt
from tests.conftest import MONDAY

WINDOW = timedelta(minutes=15)


def attempt(app: Flask, key: bytes, *, after: timedelta = timedelta()) -> int:
    """Return 0 when it is let through, else in how many seconds to come again."""
    with app.app_context(), transaction() as session:
        try:
            count_attempt(session, key, limit=5, window=WINDOW, now=MONDAY + after)
        except TooManyRequests as refused:
            return refused.retry_after
        return 0


def test_of_twenty_at_once_the_limit_is_let_through(app: Flask) -> None:
    key = token_bytes(32)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: attempt(app, key), range(20)))
    assert answers.count(0) == 5
    assert set(answers) == {0, 900}


def test_the_wait_is_what_is_left_of_the_window(app: Flask) -> None:
    key = token_bytes(32)
    for _ in range(5):
        assert attempt(app, key) == 0
    assert attempt(app, key, after=timedelta(minutes=5)) == 600
    assert attempt(app, key, after=WINDOW - timedelta(milliseconds=1)) == 1
    assert attempt(app, key, after=WINDOW) == 0


def test_one_who_tries_too_often_locks_nobody_else_out(app: Flask) -> None:
    key = token_bytes(32)
    assert [attempt(app, key) for _ in range(6)] == [0] * 5 + [900]
    assert attempt(app, token_bytes(32)) == 0


@pytest.mark.usefixtures("app_context")
def test_a_success_clears_the_count(app: Flask) -> None:
    key = token_bytes(32)
    for _ in range(5):
        attempt(app, key)
    with transaction() as session:
        clear_attempts(session, key)
    assert attempt(app, key) == 0
