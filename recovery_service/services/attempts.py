"""How often something may be tried: one atomic statement, the same for all processes."""

from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import text
from sqlalchemy.orm import Session

from recovery_service.errors import TooManyRequests

_COUNT = text("""
INSERT INTO attempt_bucket AS b (key_hash, attempts, ends_at) VALUES (:key, 1, :ends_at)
ON CONFLICT (key_hash) DO UPDATE
   SET attempts = CASE WHEN b.ends_at <= :now THEN 1 ELSE b.attempts + 1 END,
       ends_at = CASE WHEN b.ends_at <= :now THEN excluded.ends_at ELSE b.ends_at END
RETURNING attempts, ends_at
""")
_CLEAR = text("DELETE FROM attempt_bucket WHERE key_hash = :key")


def count_attempt(
    session: Session, key: bytes, *, limit: int, window: timedelta, now: datetime
) -> None:
    """Count one attempt; raises TooManyRequests beyond the limit of the window."""
    row = session.execute(_COUNT, {"key": key, "ends_at": now + window, "now": now}).one()
    if row.attempts > limit:
        raise TooManyRequests(max(1, ceil((row.ends_at - now).total_seconds())))


def clear_attempts(session: Session, key: bytes) -> None:
    """Forget the attempts after a success."""
    session.execute(_CLEAR, {"key": key})
