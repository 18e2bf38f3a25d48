"""Who the server runs as: ourselves, or an unprivileged account when we are root."""

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from recovery_service.embedded_postgres._problems import NoAccount

# `initdb` looks its user up by name, so a free number will not do; these are on every system.
UNPRIVILEGED = ("nobody", "daemon")

# Nothing of the caller's PG* variables, locale or time zone may leak into the cluster.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


@dataclass(frozen=True)
class Account:
    """A system account; `switched` when it is not the one this process runs as."""

    uid: int
    gid: int
    switched: bool

    @classmethod
    def for_data(cls, data: Path) -> Self:
        """Return who must run the server whose data folder this is or will be.

        Root runs an existing cluster as the one who owns it, so that a demo started
        once as an ordinary user and once as root stays that user's.
        """
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), switched=False)
        if data.exists() and (owner := data.stat()).st_uid != 0:
            return cls(owner.st_uid, owner.st_gid, switched=True)
        return cls._unprivileged()

    @classmethod
    def _unprivileged(cls) -> Self:
        for name in UNPRIVILEGED:
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid, switched=True)
        raise NoAccount(UNPRIVILEGED)

    def run(
        self, command: Sequence[str | Path], *, stderr: int | IO[bytes] = subprocess.PIPE
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end as this account, away from our terminal's signals."""
        return run(command, stderr=stderr, start_new_session=True, umask=0o077, **self._identity())

    def _identity(self) -> dict[str, Any]:
        if not self.switched:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Say whether this account reaches the folder; asked of the system, ACLs included."""
        if not self.switched:
            return os.access(folder, os.X_OK)
        return self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", folder]).returncode == 0

    def can_run(self, program: Path) -> bool:
        """Say whether this account may execute the program and load its libraries."""
        try:
            return self.run([program, "--version"]).returncode == 0
        except PermissionError:
            return False

    def take(self, path: Path) -> None:
        """Give a file or folder of ours to this account."""
        if self.switched:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def run(
    command: Sequence[str | Path],
    *,
    environ: Mapping[str, str] | None = None,
    stderr: int | IO[bytes] = subprocess.PIPE,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run a command in the clean environment, from a folder that everyone may enter."""
    options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
    if "input" in options:
        del options["stdin"]
    return subprocess.run(  # noqa: S603 - our own programs, an argument list, no shell
        command,
        check=False,
        cwd="/",
        encoding="utf-8",
        errors="replace",
        env=ENVIRONMENT | dict(environ or {}),
        stdout=subprocess.PIPE,
        stderr=stderr,
        **options,
    )
