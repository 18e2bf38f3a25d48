"""The demo's folder: its secrets, its sign-ins, and whether the clinic is complete."""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import Any

from recovery_service.cli.refusals import Refusal

_OWNER_ONLY = 0o600


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What only this demo knows, drawn once; `passwords` are by e-mail address."""

    secret_key: str = field(repr=False)
    vapid_private_key: str = field(repr=False)
    passwords: dict[str, str] = field(default_factory=dict, repr=False)
    totp_seeds: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def drawn(cls) -> "Secrets":
        """Return fresh ones."""
        from recovery_service.reminders.channels.vapid import new_private_key

        return cls(secret_key=secrets.token_urlsafe(48), vapid_private_key=new_private_key())


class DemoFolder:
    """Where everything of the demo lies; deleting it deletes the demo."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.postgres = path / "postgres"
        self.credentials = path / "credentials.json"
        self._secrets = path / "secrets.json"
        self._seeded = path / "seeded"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only demo in this folder; the lock ends with the process."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("a") as file:
            try:
                flock(file, LOCK_EX | LOCK_NB)
            except OSError as error:
                raise Refusal(f"a demo is running in {self.path} already") from error
            yield

    def secrets(self) -> Secrets:
        """Return the secrets, drawn at the first time."""
        if not self._secrets.exists():
            self.keep(Secrets.drawn())
        return Secrets(**json.loads(self._secrets.read_text()))

    def keep(self, known: Secrets) -> None:
        """Remember the secrets."""
        write_private(self._secrets, asdict(known))

    def keep_sign_ins(self, sign_ins: Mapping[str, tuple[str, str | None]]) -> None:
        """Remember passwords and seeds of one-time codes, by e-mail address."""
        passwords = {email: password for email, (password, _) in sign_ins.items()}
        seeds = {email: seed for email, (_, seed) in sign_ins.items() if seed is not None}
        self.keep(replace(self.secrets(), passwords=passwords, totp_seeds=seeds))

    @property
    def seeded(self) -> bool:
        """Whether the clinic was completed; written last, so an interrupted start begins anew."""
        return self._seeded.exists()

    @seeded.setter
    def seeded(self, complete: bool) -> None:
        if complete:
            write_private(self._seeded, {})
        else:
            self._seeded.unlink(missing_ok=True)


def read_codes(path: Path) -> dict[str, str]:
    """Return the enrolment codes that were written last, by patient id."""
    try:
        patients = json.loads(path.read_text())["patients"]
        return {each["id"]: each["enrolment_code"] for each in patients}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def write_private(path: Path, content: Any) -> None:
    """Write JSON that only its owner may read, all of it or nothing."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
