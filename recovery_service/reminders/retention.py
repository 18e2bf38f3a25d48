"""What is kept for a while only, and taken away when its time is over."""

from datetime import datetime

from recovery_service.reminders.work import Transaction, run

_FORGET = """
DELETE FROM answered_request
 WHERE (clinic_id, actor_id, key_hash) IN (
       SELECT clinic_id, actor_id, key_hash FROM answered_request
        WHERE expires_at <= %(now)s
        ORDER BY expires_at
        LIMIT %(batch)s)
RETURNING clinic_id
"""


def forget_answers(transaction: Transaction, *, now: datetime, batch: int) -> int:
    """Forget at most `batch` answers whose time is over; return how many."""
    with transaction() as session:
        return len(run(session, _FORGET, {"now": now, "batch": batch}))
