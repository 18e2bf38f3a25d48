"""A server that cannot keep the service's promises is refused; clocks agree with its clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, create_engine, make_url

from recovery_service import database
from recovery_service.clock import ManualClock
from recovery_service.database import (
    UnfitDatabaseError,
    database_clock,
    require_fit_server,
    role_url,
)
from recovery_service.embedded_postgres import EmbeddedPostgres

pytestmark = pytest.mark.database

# --- a server that keeps its promises --------------------------------------------------------


@pytest.fixture(scope="module")
def durable(tmp_path_factory: pytest.TempPathFactory, postgres: EmbeddedPostgres) -> Iterator[str]:
    """Return the URL of a server with fsync on, as production has it."""
    folder = tmp_path_factory.mktemp("durable")
    with EmbeddedPostgres(folder, version=postgres._version, start_timeout=120) as server:
        server.create_database("fit")
        yield server.url("fit", "recovery_app")
        server.remove()


@contextmanager
def engine_of(url: str, *options: str) -> Iterator[Engine]:
    engine = create_engine(role_url(url, "recovery_app", *options))
    try:
        yield engine
    finally:
        engine.dispose()


def test_a_durable_server_is_fit(durable: str) -> None:
    with engine_of(durable) as engine:
        require_fit_server(engine, durable=True)


def test_a_server_that_acknowledges_before_it_wrote_is_refused(durable: str) -> None:
    with (
        engine_of(durable, "-c synchronous_commit=off") as engine,
        pytest.raises(UnfitDatabaseError, match="synchronous_commit = off"),
    ):
        require_fit_server(engine, durable=True)


def test_a_server_without_fsync_is_refused_outside_of_tests(
    postgres: EmbeddedPostgres, shared_database: str
) -> None:
    with engine_of(postgres.url(shared_database, "recovery_app")) as engine:
        with pytest.raises(UnfitDatabaseError, match="fsync = off"):
            require_fit_server(engine, durable=True)
        require_fit_server(engine, durable=False)


def test_a_server_that_is_too_old_is_refused(
    postgres: EmbeddedPostgres, shared_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine_of(postgres.url(shared_database, "recovery_app")) as engine:
        with engine.connect() as connection:
            number = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
        monkeypatch.setattr(database, "OLDEST_SERVER", number)
        require_fit_server(engine, durable=False)
        monkeypatch.setattr(database, "OLDEST_SERVER", number + 1)
        with pytest.raises(UnfitDatabaseError, match=f"the server is {number // 10000}"):
            require_fit_server(engine, durable=False)


def test_the_oldest_server_is_sixteen() -> None:
    assert database.OLDEST_SERVER == 160000


def test_the_role_is_taken_at_connect_and_other_options_are_kept() -> None:
    url = make_url(role_url("postgresql://me:secret@db/x?options=-c a=1", "recovery_app", "-c b=2"))
    assert url.drivername == "postgresql+psycopg"
    assert url.query["options"] == "-c a=1 -c role=recovery_app -c b=2"
    assert url.password == "secret"


def test_a_machine_with_a_wrong_clock_agrees_with_the_database(
    postgres: EmbeddedPostgres, shared_database: str
) -> None:
    wrong = datetime(2001, 1, 1, tzinfo=UTC)
    with engine_of(postgres.url(shared_database, "recovery_app")) as engine:
        clock = database_clock(engine, lambda: wrong)
        assert clock() == wrong
        with engine.connect() as connection:
            said = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    assert abs(clock() - said) < timedelta(seconds=5)


def test_a_clock_that_is_set_while_it_runs_moves_nothing(
    postgres: EmbeddedPostgres, shared_database: str
) -> None:
    """Planted: the wall clock and an offset of when the connection began."""
    wall = ManualClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    with engine_of(postgres.url(shared_database, "recovery_app")) as engine:
        clock = database_clock(engine, wall)
        with engine.connect():
            before = clock()
            for hours in (1, -2):
                wall.advance(timedelta(hours=hours))
                assert timedelta(0) <= clock() - before < timedelta(seconds=5)
            assert clock().utcoffset() == timedelta(0)
