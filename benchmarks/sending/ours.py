"""Ours: worker processes with their loop, sending through the signed webhook channel.

The whole schema with its policies; each reminder is another patient's. The channel is the
shipped one. Only how much it has in flight is set, so that everybody has as much.
"""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.cluster import SECRET, connected, environment_for, migrated, settle
from benchmarks.crowd import ITEMS, Crowd
from benchmarks.sending.engine import Engine
from config.settings import Settings
from recovery_service.cli.applications import application, sender_of
from recovery_service.reminders.channels.webhook import Webhook, WebhookSettings
from recovery_service.reminders.scheduler import Rhythm, run_worker

WEBHOOK_SECRET = f"whsec_{SECRET}="
_DAY = timedelta(days=1)
_WAITING = 50_000  # of what is to come, already written and not to be sent before tomorrow


class Ours(Engine):
    """The service's own worker, several of it."""

    name = "ours"
    ready = "worker_started"

    def prepare(self, *, due: int, future: int) -> None:
        """Store a patient for each reminder; with a future, plans of eight items for all."""
        server, database = self.place.server, migrated(self.place.server, self.place.database)
        now = datetime.now(UTC)
        self._opened = connected(server, database)
        connection = self._opened.__enter__()
        people = max(due, future // ITEMS)
        self._crowd = Crowd(connection, self.place.provider.origin, people, now)
        self._crowd.store()
        self._crowd.plan_due(at=now + _DAY)
        self._crowd.remember(at=now - _DAY)
        if future:
            self._crowd.plan_coming(at=now + _DAY, items=ITEMS - 1)
            waiting = range(people - min(people - due, _WAITING), people)
            self._crowd.make_due(waiting, at=now + _DAY)
        settle(server, database)

    def make_due(self, numbers: range) -> None:
        """Write occurrences that are due and their deliveries, ready to be sent."""
        self._crowd.make_due(numbers, at=datetime.now(UTC))

    def done(self) -> int:
        """Count what is settled as sent."""
        since = "round = 0 AND state = 'sent' AND settled_at > now() - interval '12 hours'"
        rows = self.rows(f"SELECT count(*) FROM delivery WHERE {since}")
        return int(rows[0][0])

    def rows(self, statement: str) -> list[Any]:
        """Read from its database."""
        return self._crowd.connection.execute(statement).fetchall()

    def clear(self) -> None:
        """Drop its database."""
        self._opened.__exit__(None, None, None)
        self.place.server.drop_database(self.place.database)

    def command(self) -> list[str]:
        """Run this module."""
        return ["-m", "benchmarks.sending.ours"]

    def environment(self) -> dict[str, str]:
        """Return the service's environment; a development one may send to this machine."""
        gone = self.place.gone_after
        return (
            super().environment()
            | environment_for(self.place.server, self.place.database)
            | {
                "RECOVERY_ENVIRONMENT": "development",
                "RECOVERY_LEASE_SECONDS": str(gone),
                "RECOVERY_HEARTBEAT_SECONDS": str(gone / 4),
            }
        )


def main() -> None:
    """Work as `recovery-service worker` does."""
    settings = Settings.from_environ(os.environ)
    with application(settings, worker=True) as app:
        channel = Webhook(
            WebhookSettings(
                secrets=(WEBHOOK_SECRET,),
                allow_private_endpoints=True,
                concurrency=int(os.environ["IN_FLIGHT"]),
            )
        )
        sender = sender_of(app, lease=timedelta(seconds=settings.lease_seconds))
        rhythm = Rhythm(
            tick=timedelta(seconds=settings.tick_seconds),
            heartbeat=timedelta(seconds=settings.heartbeat_seconds),
        )
        run_worker(replace(sender, channels={"webhook": channel}), rhythm)


if __name__ == "__main__":
    main()
