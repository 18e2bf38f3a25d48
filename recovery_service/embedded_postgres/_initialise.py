"""Making a new cluster: `initdb`, in a folder that becomes the cluster only when finished."""

import os
import shutil
import tempfile
from pathlib import Path

from recovery_service.embedded_postgres._account import Account
from recovery_service.embedded_postgres._places import Places
from recovery_service.embedded_postgres._problems import InitialisationFailed
from recovery_service.embedded_postgres._roles import SUPERUSER

UNFINISHED = "initialising-"


def initialise(
    places: Places, account: Account, binaries: Path, password: str, *, durable: bool
) -> None:
    """Make the cluster's data; raises InitialisationFailed and leaves nothing behind.

    An `initdb` that outlived its killed holder may still write, so each attempt has its
    own folder and the leftovers of earlier ones are only swept.
    """
    for leftover in places.folder.glob(f"{UNFINISHED}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    place = places.place_for_data(account, durable=durable)
    workshop = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=place))
    account.take(workshop)
    try:
        _initdb(workshop, account, binaries, password, durable=durable)
    except BaseException:
        shutil.rmtree(workshop, ignore_errors=True)
        if place != places.folder:
            place.rmdir()
        raise
    places.adopt_data(workshop)


def _initdb(data: Path, account: Account, binaries: Path, password: str, *, durable: bool) -> None:
    password_file = _password_file(data.with_name(f"{data.name}.password"), account, password)
    command: list[str | Path] = [
        binaries / "initdb",
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--locale=C.UTF-8",
        "--encoding=UTF8",
        "--data-checksums",
        "--no-instructions",
    ]
    try:
        ended = account.run(command if durable else [*command, "--no-sync"])
    finally:
        password_file.unlink()
    if ended.returncode != 0:
        raise InitialisationFailed((ended.stderr or ended.stdout)[-2000:])


def _password_file(path: Path, account: Account, password: str) -> Path:
    """Write the superuser's password where only the account can read it, for a moment."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password)
    account.take(path)
    return path
