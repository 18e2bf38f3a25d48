"""What is published of the API and read off its code: the files of `make contract`."""

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.openapi.changes import refuse_unannounced
from tests.openapi.document import served_by, whole_app
from tests.openapi.raising import raised_by
from tests.openapi.tools import run_node

ROOT = Path(__file__).parents[2]
REFUSALS = "recovery_service/api/refusals.json"
DOCUMENT = "contract/openapi.json"
TYPES = "clients/typescript/schema.ts"


def _refusals() -> str:
    return json.dumps(raised_by(whole_app()), indent=2) + "\n"


def _document() -> str:
    return json.dumps(served_by(whole_app()), indent=2, ensure_ascii=False) + "\n"


def _types() -> str:
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "schema.ts"
        # What has a default may be left out of a request, so it is no less optional for that.
        run_node(
            *("openapi-typescript", ROOT / DOCUMENT),
            *("--output", written, "--default-non-nullable", "false"),
        )
        return written.read_text(encoding="utf-8")


FILES: Mapping[str, Callable[[], str]] = {REFUSALS: _refusals, DOCUMENT: _document, TYPES: _types}
"""In this order: the document shows the refusals, and the types are those of the document."""


def write(name: str) -> str:
    """Write a file anew and say what became of it; what would break clients has to be announced."""
    path, text = ROOT / name, FILES[name]()
    stood = path.read_text(encoding="utf-8") if path.exists() else ""
    if text == stood:
        return "as it was"
    if name == DOCUMENT and stood:
        refuse_unannounced(json.loads(stood), json.loads(text))
    path.write_text(text, encoding="utf-8")
    return "written"
