"""The tools from outside Python that read the document, as `make test` installs them."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.safety_rules.phone import node

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "typescript"
_SECONDS = 180


def run_node(script: str, *arguments: str | Path, expect: int = 0) -> str:
    """Run a script of the client's folder, or a command of its packages, and return its output."""
    command = CLIENT / "node_modules" / ".bin" / script
    if not script.endswith(".ts"):
        assert command.exists(), f"{script} is missing: run `make packages`"
    whole = [node(), CLIENT / script if script.endswith(".ts") else command, *arguments]
    return _run(whole, CLIENT, expect)


def run_generator(*arguments: str | Path) -> str:
    """Run openapi-generator, on the Java that its own wheel brings, and return what it says."""
    assert find_spec("openapi_generator_cli"), "openapi-generator-cli is missing: run `make test`"
    run = (
        "import sys; from openapi_generator_cli import run; sys.exit(run(sys.argv[1:]).returncode)"
    )
    return _run([sys.executable, "-c", run, *arguments], ROOT, 0)


def _run(command: list[str | Path], folder: Path, expect: int) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == expect, done.stdout
    return done.stdout
