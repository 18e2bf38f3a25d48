"""The cluster as its users see it."""

import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from recovery_service.embedded_postgres import _roles
from recovery_service.embedded_postgres._account import Account
from recovery_service.embedded_postgres._binaries import find_binaries, reachable_binaries
from recovery_service.embedded_postgres._initialise import initialise
from recovery_service.embedded_postgres._locks import Hold, exclusive
from recovery_service.embedded_postgres._places import Places, state_folder
from recovery_service.embedded_postgres._postmaster import SIGNALS, Postmaster
from recovery_service.embedded_postgres._problems import (
    ClusterBusy,
    ClusterMissing,
    CredentialsLost,
    ServerTooSlow,
    StatementRefused,
    VersionMismatch,
)
from recovery_service.embedded_postgres._psql import Psql, identifier, literal
from recovery_service.embedded_postgres._settings import settings

STOP_SECONDS = 60.0
PAUSE = 0.05


class EmbeddedPostgres:
    """A PostgreSQL cluster in a folder of ours, started and stopped by us.

    `folder` is made when missing and belongs to one system user. Several objects, in one
    process or many, may use the same folder at the same time: the first starts the server,
    the others join it, the last to stop stops it. A server that a killed process left
    running is joined too. `durable=False` turns fsync off and is for tests alone. `memory`
    is the server's shared buffers, as PostgreSQL writes sizes; who joins takes what there is.

    As root the server runs as `nobody` (or as the owner of existing data). When that
    account cannot enter `folder`, because a parent is closed to it, the parents stay
    closed: `folder/data` becomes a symlink to `/var/lib/recovery-service/recovery-data-…`,
    or into the temporary folder when not durable. Delete with `remove()`, which follows it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        version: int = 18,
        durable: bool = True,
        memory: str = "128MB",
        start_timeout: float = 60.0,
    ) -> None:
        self._places = Places(folder)
        self._version = version
        self._durable = durable
        self._memory = memory
        self._start_timeout = start_timeout
        self._hold = Hold(self._places.holders)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Have the server running and the roles in place; harmless when they are.

        Makes the cluster when the folder is empty. Waits for a crash recovery and for
        another process's start or stop, in all at most `start_timeout` seconds for each.
        Raises EmbeddedPostgresError in one of its forms.
        """
        self._places.make_folder()
        with exclusive(self._places.lock, seconds=self._start_timeout):
            passwords = self._passwords()
            self._check_version()
            account = Account.for_data(self._places.data)
            binaries = self._server_binaries(account)
            if not self._places.initialised:
                superuser = passwords[_roles.SUPERUSER]
                initialise(self._places, account, binaries, superuser, durable=self._durable)
            self._bring_up(account, binaries)
            self._hold.take()

    def _passwords(self) -> dict[str, str]:
        """Read the passwords, or draw them for a cluster that is still to be made."""
        credentials = self._places.credentials
        if not credentials.exists():
            if self._places.initialised:
                raise CredentialsLost(credentials)
            _roles.write_passwords(credentials, _roles.new_passwords())
        return _roles.read_passwords(credentials)

    def _check_version(self) -> None:
        if not self._places.initialised:
            return
        found = (self._places.data / "PG_VERSION").read_text(encoding="utf-8").strip()
        if found != str(self._version):
            raise VersionMismatch(self._places.real_data, found, self._version)

    def _server_binaries(self, account: Account) -> Path:
        binaries = find_binaries(self._version)
        return reachable_binaries(binaries, account, state_folder)

    def _bring_up(self, account: Account, binaries: Path) -> None:
        """Join the running server if it is as we want it, otherwise start one."""
        deadline = time.monotonic() + self._start_timeout
        postmaster = self._postmaster(account)
        socket_folder = self._places.usable_socket_folder(account)
        wanted = settings(socket_folder, durable=self._durable, memory=self._memory)
        while True:
            joined = postmaster.running()
            pid = joined or postmaster.spawn(binaries, socket_folder, wanted)
            if not postmaster.becomes_ready(pid, deadline=deadline, seconds=self._start_timeout):
                self._prepare_next_attempt(postmaster, joined, deadline)
            elif self._answers_as_wanted(joined):
                return
            else:
                self._replace(postmaster)

    def _prepare_next_attempt(
        self, postmaster: Postmaster, joined: int | None, deadline: float
    ) -> None:
        """Go on after a server ended; one that we joined may have been stopping."""
        if joined is None:
            postmaster.check_why_it_ended()
        if time.monotonic() > deadline:
            raise ServerTooSlow("ready", self._start_timeout)
        time.sleep(PAUSE)

    def _answers_as_wanted(self, joined: int | None) -> bool:
        """Create the missing roles; False if a joined server is unreachable or set otherwise."""
        statements = _roles.creation(self._passwords())
        try:
            fsync = self._psql().ask(f"{statements}\nSHOW fsync;")
        except StatementRefused as refused:
            if joined is None or refused.sqlstate:
                raise
            return False
        return joined is None or fsync == ["on" if self._durable else "off"]

    def _replace(self, postmaster: Postmaster) -> None:
        """Stop a server that nobody can use as it is, unless someone does."""
        if not self._hold.is_the_last():
            raise ClusterBusy(self._places.folder, "with another socket or another durability")
        postmaster.stop("fast", seconds=STOP_SECONDS)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server unless another object or process still uses it; harmless if stopped.

        `mode` is PostgreSQL's: "smart" waits for the clients, "fast" disconnects them,
        "immediate" leaves a crash recovery to the next start. Raises ServerTooSlow.
        """
        if mode not in SIGNALS:
            raise ValueError(f"mode must be one of {', '.join(SIGNALS)}, not {mode!r}")
        if not self._places.initialised:
            return
        with exclusive(self._places.lock, seconds=self._start_timeout):
            if self._hold.is_the_last():
                self._stop_server(mode)
            self._hold.let_go()

    def _stop_server(self, mode: str) -> None:
        account = Account.for_data(self._places.data)
        self._postmaster(account).stop(mode, seconds=STOP_SECONDS)

    def remove(self) -> None:
        """Stop the server and delete the cluster, its data and passwords included.

        Raises ClusterBusy when another object or process still uses it.
        """
        if not self._places.folder.exists():
            return
        with exclusive(self._places.lock, seconds=self._start_timeout):
            if not self._hold.is_the_last():
                raise ClusterBusy(self._places.folder, "it cannot be deleted meanwhile")
            self._stop_server("fast")
            self._hold.let_go()
            self._places.remove()

    def url(self, database: str, role: str) -> str:
        """Return SQLAlchemy's URL of a database for one of the roles; needs no running server.

        Raises ClusterMissing before the first start and KeyError for an unknown role.
        """
        if not self._places.credentials.exists():
            raise ClusterMissing(self._places.folder)
        password = _roles.read_passwords(self._places.credentials)[role]
        host = quote(str(self._places.socket_folder()), safe="")
        return (
            f"postgresql+psycopg://{quote(role, safe='')}:{quote(password, safe='')}"
            f"@/{quote(database, safe='')}?host={host}"
        )

    def create_database(
        self, name: str, *, template: str | None = None, owner: str = _roles.MIGRATOR
    ) -> None:
        """Create a database that only the service's roles may enter.

        A template must have no connections. Raises StatementRefused, with SQLSTATE 42P04
        when the database exists and 55006 when the template is in use.
        """
        copied = f" TEMPLATE {identifier(template)}" if template is not None else ""
        self._psql().ask(
            f"CREATE DATABASE {identifier(name)} OWNER {identifier(owner)}{copied};\n"
            + _roles.access(name)
        )

    def drop_database(self, name: str) -> None:
        """Drop a database and whoever is connected to it; harmless when there is none."""
        self._psql().ask(f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE);")

    def database_exists(self, name: str) -> bool:
        """Say whether there is a database of exactly this name."""
        return bool(self._psql().ask(f"SELECT 1 FROM pg_database WHERE datname = {literal(name)};"))

    def _postmaster(self, account: Account) -> Postmaster:
        return Postmaster(self._places.real_data, self._places.start_log, account)

    def _psql(self) -> Psql:
        if not self._places.credentials.exists():
            raise ClusterMissing(self._places.folder)
        password = _roles.read_passwords(self._places.credentials)[_roles.SUPERUSER]
        return Psql(find_binaries(self._version), self._places.socket_folder(), password)
