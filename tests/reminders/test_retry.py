"""When a delivery is tried again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from recovery_service.reminders.retry import FIRST, LONGEST, next_try

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
JITTERS = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(st.integers(1, 40), JITTERS)
def test_waits_double_with_jitter_up_to_half_an_hour(attempts: int, jitter: float) -> None:
    again = next_try(attempts, None, now=NOW, expires_at=LATER, jitter=lambda: jitter)
    assert again is not None
    longest = min(FIRST * 2 ** (attempts - 1), LONGEST)
    assert longest / 2 <= again - NOW <= longest


@given(st.integers(1, 40), st.integers(0, 3600), JITTERS)
def test_a_provider_is_never_asked_sooner_than_it_wished(
    attempts: int, seconds: int, jitter: float
) -> None:
    """Planted: ignore Retry-After, and a provider that throttles is hammered."""
    asked = timedelta(seconds=seconds)
    again = next_try(attempts, asked, now=NOW, expires_at=LATER, jitter=lambda: jitter)
    assert again is not None
    assert again - NOW >= asked


@given(st.integers(1, 40), st.integers(1, 7200), JITTERS)
def test_promise_10_no_try_is_planned_for_when_it_no_longer_matters(
    attempts: int, left: int, jitter: float
) -> None:
    """Planted: return the time without asking for the expiry."""
    expires_at = NOW + timedelta(seconds=left)
    again = next_try(attempts, None, now=NOW, expires_at=expires_at, jitter=lambda: jitter)
    assert again is None or NOW < again < expires_at
