"""SQL as the superuser, through the wheel's own psql."""

from pathlib import Path

from recovery_service.embedded_postgres._account import run
from recovery_service.embedded_postgres._problems import DatabaseNameInvalid, StatementRefused

LONGEST_NAME = 63  # bytes; PostgreSQL cuts longer names with no more than a notice


class Psql:
    """A way to run statements on a running server."""

    def __init__(self, binaries: Path, socket_folder: Path, password: str) -> None:
        self._command: list[str | Path] = [
            binaries / "psql",
            "--no-psqlrc",
            "--quiet",
            "--no-align",
            "--tuples-only",
            "--no-password",
            "--set=ON_ERROR_STOP=1",
            "--set=VERBOSITY=verbose",
            f"--host={socket_folder}",
            "--port=5432",
            "--username=postgres",
            "--dbname=postgres",
        ]
        self._environ = {"PGPASSWORD": password, "PGCONNECT_TIMEOUT": "10"}

    def ask(self, statements: str) -> list[str]:
        """Run statements one by one and return the lines they answer; raises StatementRefused.

        They go through the standard input, since a command line is open to every user.
        """
        answer = run(self._command, input=statements, environ=self._environ)
        if answer.returncode != 0:
            raise StatementRefused(*_refusal(answer.stderr))
        return answer.stdout.splitlines()


def _refusal(said: str) -> tuple[str, str]:
    """Split psql's `…ERROR:  42P04: database "x" already exists` into code and message."""
    first_line = said.partition("\n")[0]
    rest = first_line.partition("ERROR:  ")[2]
    sqlstate, _, message = rest.partition(": ")
    return (sqlstate, message) if message else ("", first_line)


def identifier(name: str) -> str:
    """Quote a name for SQL; raises DatabaseNameInvalid for one that would not survive."""
    if not name or "\0" in name or len(name.encode()) > LONGEST_NAME:
        raise DatabaseNameInvalid(name)
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL; standard_conforming_strings is on, so only quotes count."""
    if "\0" in text:
        raise DatabaseNameInvalid(text)
    return "'" + text.replace("'", "''") + "'"
