"""A slow or dead provider is its own channel's trouble and nobody else's."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.models import Destination
from recovery_service.reminders.dispatch import Sender, dispatch
from recovery_service.reminders.loop import Loop
from recovery_service.reminders.scheduler import Rhythm, run_worker
from tests.contract.rigs import silent_port, towards
from tests.models.rows import table
from tests.reminders.conftest import Bench
from tests.reminders.memory_channel import MemoryChannel, ringing
from tests.reminders.plans import rule

QUICK = Rhythm(tick=timedelta(seconds=0.05), heartbeat=timedelta(seconds=5))
READ = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = %(name)s"


COPIES = (
    "CREATE TEMP TABLE copy ON COMMIT DROP AS SELECT gen_random_uuid() AS patient_id,"
    " gen_random_uuid() AS episode_id, gen_random_uuid() AS lineage_id,"
    " gen_random_uuid() AS destination_id FROM generate_series(2, :count)"
)
DRAWN = {("occurrence", "id"), ("delivery", "id")}


def backlog(bench: Bench, channel: str, count: int) -> None:
    """Let so many patients wait for one reminder each by one channel."""
    first = bench.patient(bench.clinic(), phone=False)
    with bench.at_the_clinic(first.clinic_id) as session:
        at = {"patient_id": first.id, "address": "+447700900999", "verified_at": bench.clock()}
        values = {"clinic_id": first.clinic_id, "id": uuid4(), "created_at": bench.clock()}
        session.add(Destination(channel=channel, **at, **values))
    bench.plan(first, rule())
    Loop(bench.sender()).materialise()
    with bench.at_the_clinic(first.clinic_id) as session:
        session.execute(text(COPIES), {"count": count})
        copy_rows(session, "patient", id="copy.patient_id")
        copy_rows(session, "episode", id="copy.episode_id", patient_id="copy.patient_id")
        copy_rows(
            session,
            "schedule",
            id="copy.lineage_id",
            patient_id="copy.patient_id",
            episode_id="copy.episode_id",
        )
        copy_rows(session, "destination", id="copy.destination_id", patient_id="copy.patient_id")
        copy_rows(session, "occurrence", lineage_id="copy.lineage_id")
        session.execute(text("ALTER TABLE copy ADD occurrence_id bigint"))
        session.execute(
            text(
                "UPDATE copy SET occurrence_id = o.id FROM occurrence o"
                " WHERE o.lineage_id = copy.lineage_id"
            )
        )
        ids = {"occurrence_id": "copy.occurrence_id", "destination_id": "copy.destination_id"}
        copy_rows(session, "delivery", **ids)


def copy_rows(session: Session, name: str, **changes: str) -> None:
    """Copy the clinic's first row of a table for each copy of its patient.

    A foreign key's look-up that was planned when the table was tiny would scan it for each row.
    """
    session.execute(text("DISCARD PLANS"))
    columns = [each.name for each in table(name).columns if (name, each.name) not in DRAWN]
    values = ", ".join(changes.get(each, f"first.{each}") for each in columns)
    session.execute(
        text(
            f"INSERT INTO {name} ({', '.join(columns)}) SELECT {values}"
            f" FROM copy, (SELECT * FROM {name} LIMIT 1) AS first"
        )
    )


@contextmanager
def working(sender: Sender) -> Iterator[threading.Event]:
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(sender, QUICK), kwargs={"stop": stop})
    worker.start()
    try:
        yield stop
    finally:
        stop.set()
        worker.join(30)
    assert not worker.is_alive()


def waiting(bench: Bench, channel: str) -> int:
    ((count,),) = bench.rows(
        "SELECT count(*) FROM delivery WHERE channel = :channel AND state IN ('ready', 'leased')",
        channel=channel,
    )
    return int(count)


def test_two_thousand_that_wait_for_a_dead_gateway_delay_no_push(bench: Bench) -> None:
    """Planted: send the channels one after another in one thread of the worker."""
    stuck, let_go, rung = threading.Event(), threading.Event(), threading.Event()
    gateway = MemoryChannel("sms")

    def hang() -> None:
        stuck.set()
        let_go.wait(60)

    gateway.before = hang
    bench.channels = {"sms": gateway, **bench.channels}
    backlog(bench, "sms", 2_000)
    bench.phone.answer = ringing(rung)
    with working(bench.sender()):
        assert stuck.wait(30), "the gateway has begun to hang"
        began = time.monotonic()
        bench.plan(bench.patient(bench.clinic()), rule())
        assert rung.wait(30)
        took = time.monotonic() - began
        assert waiting(bench, "sms") == 2_000
        assert gateway.sent == []
        let_go.set()
    assert took < 3
    assert len(bench.phone.sent) == 1


def test_a_gateway_that_takes_connections_and_says_nothing_delays_no_push(bench: Bench) -> None:
    """The same through the real channel, whose own bounds end it."""
    rung = threading.Event()
    bench.phone.answer = ringing(rung)
    backlog(bench, "sms", 200)
    with silent_port() as port:
        channel, _ = towards("sms", port, timeout_seconds=0.5, batch_seconds=1.0)
        bench.channels = {"sms": channel, **bench.channels}
        with working(bench.sender()):
            bench.plan(bench.patient(bench.clinic()), rule())
            assert rung.wait(10)
        channel.close()
    assert len(bench.phone.sent) == 1
    assert waiting(bench, "sms") > 0


def owner_url(postgres: EmbeddedPostgres, database: str) -> str:
    return postgres.url(database, "recovery_migrator").replace("+psycopg", "", 1)


class Readings:
    """The transactions of a sender, each asked how many rows of a table it has read.

    The server counts on from what its process has not reported yet, so what stood at the
    beginning is taken off.
    """

    def __init__(self, bench: Bench, name: str = "delivery") -> None:
        self.most = 0
        self._begin = bench.transaction
        self._name = name

    @contextmanager
    def __call__(self) -> Iterator[Session]:
        with self._begin() as session:
            before = self._read(session)
            yield session
            self.most = max(self.most, self._read(session) - before)

    def _read(self, session: Session) -> int:
        driver = session.connection().connection.driver_connection
        assert driver is not None
        ((read,),) = driver.execute(READ, {"name": self._name}).fetchall()
        return int(read or 0)


def test_a_claim_reads_nothing_of_another_channels_backlog(
    bench: Bench, postgres: EmbeddedPostgres, loop_database: str
) -> None:
    """Both before and after the planner has learnt of the 5,000.

    Planted: an index that begins with `wake_at` in place of the channel's.
    """
    backlog(bench, "sms", 5_000)
    for _ in range(2):
        bench.plan(bench.patient(bench.clinic()), rule())
        Loop(bench.sender()).materialise()
        readings = Readings(bench)
        counts = dispatch(bench.sender(transaction=readings), bench.phone)
        assert counts["sent"] == 1
        assert 0 < readings.most < 50
        with psycopg.connect(owner_url(postgres, loop_database)) as owner:
            owner.execute("ANALYZE delivery")
    assert waiting(bench, "sms") == 5_000


def test_what_follows_a_reminder_reads_nothing_of_the_others_that_are_open(bench: Bench) -> None:
    """Planted: join the occurrence; the index of the open ones is read from end to end.

    A second way in: a worker's connections that do not go by index, whose first look at a
    foreign key is then planned as a scan, and kept.
    """
    backlog(bench, "sms", 2_000)
    readings = Readings(bench, "occurrence")
    for _ in range(8):
        bench.plan(bench.patient(bench.clinic()), rule(valid_for_minutes=240))
        Loop(bench.sender()).materialise()
        counts = dispatch(bench.sender(transaction=readings), bench.phone)
        assert counts["sent"] == 1
    assert 0 < readings.most < 50
    assert len(bench.follow_ups()) == 8
    assert bench.rows("SHOW enable_seqscan") == [("off",)]
