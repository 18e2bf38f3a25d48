"""The only commit and rollback, and the clinic's wall around every statement."""

import select
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.json import set_json_loads
from sqlalchemy import Engine, event, exc, make_url
from sqlalchemy.orm import Session

from recovery_service.clock import Clock, uptime
from recovery_service.extensions import db
from recovery_service.whole import Whole, current_whole

_SCOPE = "SELECT set_config('app.clinic_id', %s, true)"
_SCOPE_IN_TURN = f"{_SCOPE}, pg_advisory_xact_lock(%s)"
_clinic: ContextVar[UUID | None] = ContextVar("clinic", default=None)
_unscoped: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

OLDEST_SERVER = 160000

# The app's first page reads dozens of texts; the standard reader was a tenth of its cost.
set_json_loads(orjson.loads)


class UnfitDatabaseError(Exception):
    """The server cannot keep what this service promises; the message says why."""


def role_url(url: str, role: str, *options: str) -> str:
    """Return the URL with the role to assume at connect, whoever signs in.

    One login that is a member of all roles works as well as one login each.
    """
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    given = parsed.query.get("options", "")
    together = " ".join([str(given), f"-c role={role}", *options]).strip()
    return parsed.update_query_dict({"options": together}).render_as_string(hide_password=False)


def current_clinic() -> UUID | None:
    """Return the clinic whose rows may be seen now."""
    return _clinic.get()


def enter_clinic(clinic_id: UUID | None) -> None:
    """Stand inside one clinic's wall until told otherwise; for the edge of a request."""
    _clinic.set(clinic_id)


@contextmanager
def within(clinic_id: UUID | None) -> Iterator[None]:
    """Stand inside one clinic's wall."""
    token = _clinic.set(clinic_id)
    try:
        yield
    finally:
        _clinic.reset(token)


@contextmanager
def transaction(clinic_id: UUID | None = None) -> Iterator[Session]:
    """Run one use-case: everything is committed at the end, or nothing is.

    Inside a `whole` it is a part of that, and is committed with it.
    """
    if (outer := current_whole.get()) is not None:
        with outer.part(_clinic.get(), clinic_id) as session:
            yield session
        return
    with within(clinic_id or _clinic.get()):
        session = db.session()
        try:
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            db.session.remove()


@contextmanager
def whole() -> Iterator[Whole]:
    """Commit what happens inside at once, whatever `transaction()` blocks it consists of.

    So that what the edge adds to a use-case, before or after, stands or falls with it.
    """
    if (outer := current_whole.get()) is not None:
        yield outer
        return
    with transaction() as session, Whole(session).entered() as made:
        yield made


@contextmanager
def steady_view(clinic_id: UUID | None = None) -> Iterator[Session]:
    """Read in one snapshot: all statements see the same, whoever commits in between."""
    with transaction(clinic_id) as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session


def one_trip(statement: str, values: Mapping[str, Any], *, clinic_id: UUID) -> list[Any]:
    """Run one statement as its own transaction in one round trip; return its rows.

    For the few requests that carry nearly all of the load: the pooled
    driver connection is used directly, because building and adapting a
    statement costs more than running it.
    """
    fairy = db.engine.raw_connection()
    try:
        driver: psycopg.Connection[Any] = fairy.driver_connection  # type: ignore[assignment]
        driver.autocommit = True
        try:
            with driver.pipeline():
                driver.execute(_SCOPE, (str(clinic_id),))
                cursor = driver.execute(statement, values, prepare=True)
            return cursor.fetchall()
        finally:
            if not driver.closed:
                driver.autocommit = False
    except psycopg.OperationalError as error:
        fairy.invalidate(error)
        raise
    finally:
        fairy.close()


Step = tuple[str, Mapping[str, Any]]
Ask = Callable[..., list[list[Any]]]


@contextmanager
def few_trips(clinic_id: UUID, turn: int | None = None) -> Iterator[Ask]:
    """Run a transaction whose every `ask` is one round trip, and commit at its end.

    For the same few requests as `one_trip`, where what is written has to be looked at before
    it may be acknowledged. `ask` takes statements with their values, runs them in order, and
    returns the rows of each. Of the transactions with one `turn` one runs at a time, and sees
    all that those before it wrote.
    """
    fairy = db.engine.raw_connection()
    driver: psycopg.Connection[Any] = fairy.driver_connection  # type: ignore[assignment]
    begun = False

    def ask(*steps: Step) -> list[list[Any]]:
        nonlocal begun
        with driver.pipeline():
            if not begun:
                driver.execute("BEGIN")
                if turn is None:
                    driver.execute(_SCOPE, (str(clinic_id),))
                else:
                    driver.execute(_SCOPE_IN_TURN, (str(clinic_id), turn))
                begun = True
            cursors = [driver.execute(sql, values, prepare=True) for sql, values in steps]
        return [cursor.fetchall() if cursor.description else [] for cursor in cursors]

    try:
        driver.autocommit = True  # the driver would send a BEGIN of its own, and wait for it
        try:
            yield ask
            if begun:
                driver.execute("COMMIT")
        finally:
            _leave_transaction(driver)
    except psycopg.OperationalError as error:
        fairy.invalidate(error)
        raise
    finally:
        fairy.close()


def _leave_transaction(driver: psycopg.Connection[Any]) -> None:
    """Undo what was not committed, and give the connection back as the pool knows it."""
    if driver.closed:
        return
    if driver.info.transaction_status != TransactionStatus.IDLE:
        driver.execute("ROLLBACK")
    driver.autocommit = False


def install_wall(engine: Engine) -> None:
    """Send the clinic's setting together with a transaction's first statement.

    The setting is local to the transaction, so a pooled connection never
    carries one clinic's scope into another's request.
    """

    @event.listens_for(engine, "begin")
    def remember(connection: Any) -> None:
        clinic_id = _clinic.get()
        driver = connection.connection.driver_connection
        if clinic_id is not None:
            _unscoped[driver] = str(clinic_id)
        else:
            _unscoped.pop(driver, None)

    @event.listens_for(engine, "do_execute")
    def scope_first(cursor: Any, statement: str, parameters: Any, context: Any) -> bool | None:  # noqa: ARG001
        clinic = _unscoped.pop(cursor.connection, None)
        if clinic is None:
            return None
        if isinstance(cursor, psycopg.ServerCursor):
            cursor.connection.execute(_SCOPE, (clinic,))
            return None
        with cursor.connection.pipeline():
            cursor.connection.execute(_SCOPE, (clinic,))
            cursor.execute(statement, parameters)
        return True

    @event.listens_for(engine, "do_executemany")
    def scope_many(cursor: Any, statement: str, parameters: Any, context: Any) -> None:  # noqa: ARG001
        # In a pipeline executemany reports no row counts, so the setting goes alone.
        clinic = _unscoped.pop(cursor.connection, None)
        if clinic is not None:
            cursor.connection.execute(_SCOPE, (clinic,))


def install_liveness_check(engine: Engine) -> None:
    """Drop a pooled connection whose server has gone, without a round trip.

    An idle PostgreSQL connection has nothing to say: a readable socket
    means that the server closed it.
    """

    @event.listens_for(engine, "checkout")
    def refuse_dead(driver: Any, record: Any, fairy: Any) -> None:  # noqa: ARG001
        poll = select.poll()
        poll.register(driver.fileno(), select.POLLIN)
        if poll.poll(0):
            raise exc.DisconnectionError


def database_clock(engine: Engine, system: Clock) -> Clock:
    """Return a clock that agrees with the database's.

    Two machines whose clocks differ then agree on what is due. It is compared with
    each connection of the pool, and goes on by the machine's uptime from there: a wall
    clock that is set under a running worker would have it take every lease for run out.
    """
    compared: tuple[datetime, float] | None = None

    @event.listens_for(engine, "connect")
    def compare(driver: Any, record: Any) -> None:  # noqa: ARG001
        nonlocal compared
        asked = uptime()
        with driver.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            said = cursor.fetchone()[0].astimezone(UTC)
        driver.rollback()
        compared = (said, (asked + uptime()) / 2)

    def now() -> datetime:
        if compared is None:
            return system()
        said, at = compared
        return said + timedelta(seconds=uptime() - at)

    return now


def require_fit_server(engine: Engine, *, durable: bool) -> None:
    """Refuse a server that is too old, or that may lose what was acknowledged."""
    with engine.connect() as connection:
        read = connection.exec_driver_sql
        number = int(read("SHOW server_version_num").scalar_one())
        if number < OLDEST_SERVER:
            version = read("SHOW server_version").scalar_one()
            raise UnfitDatabaseError(f"PostgreSQL 16 or newer is needed; the server is {version}")
        if not durable:
            return
        for setting in ("fsync", "synchronous_commit"):
            if read(f"SHOW {setting}").scalar_one() == "off":
                raise UnfitDatabaseError(
                    f"the server has {setting} = off: a check-in could be lost after it was"
                    " acknowledged; switch it on"
                )
