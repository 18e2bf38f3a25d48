"""What the code may not do, read from the code itself.

Seen red: files, a function and a name that broke these rules when they were written.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from recovery_service.auth.access import UndeclaredAccessError, require_declared_access
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.logs import KEYS
from recovery_service.models import Base
from recovery_service.models.privacy import Privacy

ROOT = Path(__file__).parents[2]
OURS = ("config", "recovery_service", "simulations", "tests")
BANNED = {"utils", "helpers", "manager", "data", "info", "handle", "util", "helper"}
LONGEST_FILE, LONGEST_FUNCTION = 300, 50
# A file of tests is read one test at a time.
LONGEST_TESTS = 550


def modules(*packages: str) -> Iterator[tuple[str, ast.Module]]:
    """Return path and syntax tree of every module, migrations aside."""
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "versions" not in path.parts:
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_only_the_database_module_commits_or_rolls_back() -> None:
    found = {
        path
        for path, tree in modules("recovery_service")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"}
    }
    # Migrations run without an application, each in a transaction of Alembic's.
    assert found == {"recovery_service/database.py", "recovery_service/migrations/env.py"}


def test_every_column_has_a_privacy_class() -> None:
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            assert isinstance(column.info.get("privacy"), Privacy), column


# One name, two meanings: the loop's reasons are words of ours, a patient's are not logged.
HARMLESS = {"reason"}


def test_no_column_of_health_may_be_a_key_of_a_log_line() -> None:
    health = {
        column.name
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if column.info["privacy"] is not Privacy.OPERATIONAL
    } - {"id", "clinic_id"}
    assert (KEYS & health) - HARMLESS == set()


def test_every_reminder_kind_speaks_every_language() -> None:
    for kind in REMINDER_KINDS.values():
        for texts in (kind.titles, kind.lines):
            assert texts.keys() == set(LANGUAGES), kind.name
            assert all(text.strip() for text in texts.values())


def test_a_route_that_declares_nothing_stops_the_start(app: Flask) -> None:
    require_declared_access(app)
    bare = Flask("bare", static_folder=None)
    bare.add_url_rule("/open", "open", lambda: "")
    with pytest.raises(UndeclaredAccessError, match="/open"):
        require_declared_access(bare)


def test_no_file_is_longer_than_one_reads_at_a_sitting() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for package in OURS
        for path in (ROOT / package).rglob("*.py")
        if "versions" not in path.parts
        and (lines := len(path.read_text(encoding="utf-8").splitlines()))
        > (LONGEST_TESTS if package == "tests" else LONGEST_FILE)
    }
    assert long == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        f"{path}:{each.name}": (each.end_lineno or each.lineno) - each.lineno + 1
        for path, tree in modules("config", "recovery_service", "simulations")
        for each in functions(tree)
        if (each.end_lineno or each.lineno) - each.lineno + 1 > LONGEST_FUNCTION
    }
    assert long == {}


def test_names_say_what_a_thing_is() -> None:
    named = [
        (path, each.name)
        for path, tree in modules("config", "recovery_service", "simulations")
        for each in functions(tree)
    ] + [(path, Path(path).stem) for path, _ in modules(*OURS)]
    assert [each for each in named if each[1].strip("_") in BANNED] == []


def test_every_test_is_a_sentence() -> None:
    named = [
        (path, each.name)
        for path, tree in modules("tests")
        for each in functions(tree)
        if each.name.startswith("test_")
    ]
    assert [each for each in named if len(each[1].split("_")) < 4] == []


# Put together here, so that this file does not find itself.
FOREIGN = re.compile("|".join(["pypi" + r"\.org", "npm" + "js", "/wo" + "rk/", "/tm" + "p/"]))
VENDORED = ("recovery_service/api/static/", "recovery_service/dashboard/static/")


def test_the_project_speaks_of_itself_alone() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    found = []
    for name in tracked:
        if name and not name.startswith(VENDORED) and (ROOT / name).is_file():
            text = (ROOT / name).read_bytes().decode("utf-8", "ignore")
            found += [(name, hit.group()) for hit in FOREIGN.finditer(text)]
    assert found == []
