"""Imports go downward only; the contracts stand in `pyproject.toml`.

Seen red: a circle between the pages and the schemas of the API.
"""

import shutil
import subprocess
import sysconfig
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_contract_on_imports_is_kept() -> None:
    program = shutil.which("lint-imports", path=sysconfig.get_path("scripts"))
    assert program is not None
    found = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_frameworks_count_as_imports() -> None:
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert linter["include_external_packages"] is True
    assert linter["contracts"][0]["exhaustive"] is True


def test_only_the_clock_reads_a_wall_clock() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    banned = ruff["flake8-tidy-imports"]["banned-api"]
    assert banned.keys() >= {
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "time.time",
    }
    let_off = {path for path, rules in ruff["per-file-ignores"].items() if "TID251" in rules}
    assert let_off <= {"recovery_service/clock.py", "benchmarks/**"}
