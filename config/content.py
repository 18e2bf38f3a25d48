"""Reads the clinical content and the texts from their files, as they stand.

What they mean, and whether they are right, is for the domain to judge
(`recovery_service.domain.content`): nothing is checked here but the syntax.
"""

import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


class ContentUnreadableError(ValueError):
    """A content file is not TOML in UTF-8; the message names the file."""


def read_content(folder: Path | None = None) -> dict[str, Any]:
    """Return all content as raw tables; `folder` stands in for the shipped one.

    The keys are the names of the files, `plan_templates` (by file name) and `texts` (by
    language). Raises `ContentUnreadableError`, or `OSError` for a missing file.
    """
    root = folder or FOLDER
    return {
        "plan_templates": {
            path.name: _read(path) for path in sorted((root / "plan_templates").glob("*.toml"))
        },
        "check_in_items": _read(root / "check_in_items.toml"),
        "red_flags": _read(root / "red_flags.toml"),
        "crisis_words": _read(root / "crisis_words.toml"),
        "urgent_words": _read(root / "urgent_words.toml"),
        "alert_policy": _read(root / "alert_policy.toml"),
        "emergency_numbers": _read(root / "emergency_numbers.toml"),
        "instruments": _read(root / "instruments.toml"),
        "curves": _read(root / "recovery_curves.toml"),
        "milestones": _read(root / "milestones.toml"),
        "sources": _read(root / "sources.toml"),
        "texts": {
            path.parent.name: _read(path, f"texts/{path.parent.name}/{path.name}")
            for path in sorted((root / "texts").glob("*/texts.toml"))
        },
    }


def _read(path: Path, name: str | None = None) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ContentUnreadableError(f"{name or path.name}: {error}") from error
