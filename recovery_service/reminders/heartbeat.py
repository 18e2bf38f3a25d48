"""A worker that lives says so; one that died is seen by its silence."""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from recovery_service.reminders.work import Transaction, run

KEPT = timedelta(days=1)
# The role, among its figures, of a process that only sends what workers hand over.
FLEET = "fleet"

_BEAT = """
INSERT INTO worker_heartbeat (id, host, pid, started_at, beat_at, stopped_at, figures)
VALUES (%(id)s, %(host)s, %(pid)s, %(started_at)s, %(now)s, NULL, %(figures)s)
ON CONFLICT (id) DO UPDATE SET beat_at = %(now)s, stopped_at = NULL, figures = %(figures)s
"""

_STOP = "UPDATE worker_heartbeat SET beat_at = %(now)s, stopped_at = %(now)s WHERE id = %(id)s"

_FORGET = "DELETE FROM worker_heartbeat WHERE beat_at < %(before)s"


@dataclass(frozen=True, slots=True)
class Heart:
    """One worker's row."""

    transaction: Transaction
    worker_id: UUID
    started_at: datetime

    def beat(self, figures: dict[str, Any], *, now: datetime) -> None:
        """Say that this worker lives and what it sees; forget workers gone for a day."""
        values = {
            "id": self.worker_id,
            "host": socket.gethostname()[:100],
            "pid": os.getpid(),
            "started_at": self.started_at,
            "now": now,
            "figures": Jsonb(figures),
        }
        with self.transaction() as session:
            run(session, _BEAT, values)
            run(session, _FORGET, {"before": now - KEPT})

    def stop(self, *, now: datetime) -> None:
        """Say that this worker ended on purpose."""
        with self.transaction() as session:
            run(session, _STOP, {"id": self.worker_id, "now": now})
