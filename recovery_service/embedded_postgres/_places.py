"""Where a cluster keeps its things.

    <folder>/                 the caller's; made when missing
      data/                   the cluster, 0700, the server account's; when root's folder is
                              closed to that account, a symlink to where the data are instead
      socket -> …             the private folder of the unix socket
      credentials.json        the roles' passwords, 0600
      start.log               what the server said before its own log (data/log/) was open
      lock, holders           file locks: who starts or stops, who uses

The server's account must be able to enter every folder above its data. Nothing above
`folder` is ever changed for that: the data move out instead, into `STATE` when they are
meant to last and into the temporary folder when they are not.
"""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from recovery_service.embedded_postgres._account import Account
from recovery_service.embedded_postgres._problems import (
    ClusterMissing,
    EmbeddedPostgresError,
    NoSocketFolder,
)

STATE = Path("/var/lib/recovery-service")

# The shortest sun_path among the systems that the wheel is built for is 104 bytes, NUL included.
LONGEST_SOCKET = 103
SOCKET_NAME = ".s.PGSQL.5432"


class Places:
    """The paths of one cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.abspath(folder))  # noqa: PTH100 - a symlinked folder keeps its name
        self.data = self.folder / "data"
        self.socket = self.folder / "socket"
        self.credentials = self.folder / "credentials.json"
        self.start_log = self.folder / "start.log"
        self.lock = self.folder / "lock"
        self.holders = self.folder / "holders"

    def make_folder(self) -> None:
        """Make the cluster's folder; one that we make may be passed through by the server."""
        if self.folder.is_dir():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)

    @property
    def initialised(self) -> bool:
        """Whether the data folder is a finished cluster; a killed `initdb` leaves none."""
        return (self.data / "PG_VERSION").exists()

    @property
    def real_data(self) -> Path:
        """The data folder's own path, as the server sees and reports it."""
        return self.data.resolve()

    def place_for_data(self, account: Account, *, durable: bool) -> Path:
        """Return a folder of ours, reachable for the account, where `data` can be made."""
        if account.can_enter(self.folder):
            return self.folder
        outside = state_folder() if durable else Path(tempfile.gettempdir())
        place = Path(tempfile.mkdtemp(prefix="recovery-data-", dir=outside))
        place.chmod(0o711)
        return place

    def adopt_data(self, data: Path) -> None:
        """Make finished data the cluster's; the last step, so that half a cluster is none."""
        final = data.with_name("data")
        data.rename(final)
        if final != self.data:
            self.data.symlink_to(final)

    def usable_socket_folder(self, account: Account) -> Path:
        """Return the recorded socket folder if it is still the account's alone, or a new one."""
        if self.socket.is_symlink():
            recorded = self.socket.readlink()
            if _is_private(recorded, account):
                return recorded
            self.socket.unlink()
        made = _make_socket_folder(account)
        self.socket.symlink_to(made)
        return made

    def socket_folder(self) -> Path:
        """Return the recorded socket folder; raises ClusterMissing before the first start."""
        if not self.socket.is_symlink():
            raise ClusterMissing(self.folder)
        return self.socket.readlink()

    def remove(self) -> None:
        """Delete everything of the cluster, wherever it is; the server must have stopped."""
        if self.data.is_symlink():
            shutil.rmtree(self.real_data.parent)
        if self.socket.is_symlink():
            shutil.rmtree(self.socket.readlink(), ignore_errors=True)
        shutil.rmtree(self.folder)


def state_folder() -> Path:
    """Return the root-owned folder for what must outlive a closed home; root only."""
    STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
    facts = STATE.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != 0 or facts.st_mode & 0o022:
        raise EmbeddedPostgresError(f"{STATE} must be a folder that only root may write to")
    return STATE


def _is_private(folder: Path, account: Account) -> bool:
    """Say whether the folder is the account's and closed to all others.

    A cleaner of temporary files may have removed it, and anyone may have made it again.
    """
    try:
        facts = folder.lstat()
    except FileNotFoundError:
        return False
    return (
        stat.S_ISDIR(facts.st_mode)
        and facts.st_uid == account.uid
        and stat.S_IMODE(facts.st_mode) == stat.S_IRWXU
    )


def _make_socket_folder(account: Account) -> Path:
    """Make a folder with a name that nobody can foresee, so nobody can be there first."""
    candidates = tuple(dict.fromkeys((Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))))  # noqa: S108 - mkdtemp below
    for parent in candidates:
        length = len(os.fsencode(parent)) + len("/recovery-XXXXXXXX/") + len(SOCKET_NAME)
        if length > LONGEST_SOCKET or not parent.is_dir() or not account.can_enter(parent):
            continue
        folder = Path(tempfile.mkdtemp(prefix="recovery-", dir=parent))
        account.take(folder)
        return folder
    raise NoSocketFolder(candidates)
