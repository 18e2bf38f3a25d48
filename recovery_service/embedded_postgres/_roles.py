"""The roles of the service and their passwords."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from recovery_service.embedded_postgres._psql import identifier, literal

SUPERUSER = "postgres"
MIGRATOR = "recovery_migrator"
BACKUP = "recovery_backup"

# Row-level security is the second wall between clinics: only the backup may look over it.
ATTRIBUTES = {
    MIGRATOR: "NOBYPASSRLS",
    "recovery_app": "NOBYPASSRLS",
    "recovery_worker": "NOBYPASSRLS",
    BACKUP: "BYPASSRLS IN ROLE pg_read_all_data",
}


def new_passwords() -> dict[str, str]:
    """Draw a password for the superuser and each role."""
    return {role: secrets.token_urlsafe(24) for role in (SUPERUSER, *ATTRIBUTES)}


def write_passwords(path: Path, passwords: Mapping[str, str]) -> None:
    """Write the passwords for our eyes only, whole or not at all."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"passwords": passwords}, file)
    unfinished.replace(path)


def read_passwords(path: Path) -> dict[str, str]:
    """Read what `write_passwords` wrote; FileNotFoundError before that."""
    passwords: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["passwords"]
    return passwords


def creation(passwords: Mapping[str, str]) -> str:
    """Return the statements that create the roles that are missing.

    Their errors stay out of the server's log: the text of a refused value may be a
    patient's words ("invalid input syntax for type integer: …"). The client still gets it.
    """
    return "\n".join(
        f"""DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal(role)}) THEN
                CREATE ROLE {identifier(role)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE
                    PASSWORD {literal(passwords[role])} {attributes};
                ALTER ROLE {identifier(role)} SET log_min_messages = 'log';
            END IF;
        END $$;"""
        for role, attributes in ATTRIBUTES.items()
    )


def access(database: str) -> str:
    """Return the statements that open a database to the service's roles alone."""
    roles = ", ".join(identifier(role) for role in ATTRIBUTES)
    return (
        f"REVOKE ALL ON DATABASE {identifier(database)} FROM PUBLIC;\n"
        f"GRANT CONNECT, TEMPORARY ON DATABASE {identifier(database)} TO {roles};\n"
    )
