"""A release of the service with other content, for tests of what an approval is worth then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from typing import Any

from flask import Flask

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.extensions import EXTENSION

_RAW = read_content()
DISCECTOMY = "lumbar_microdiscectomy_restricted_6w"

Change = Callable[[dict[str, Any]], object]


def changed_content(change: Change) -> Content:
    """Return the shipped content with a change of its raw form."""
    raw = deepcopy(_RAW)
    change(raw)
    return Content.parse(raw)


@contextmanager
def release(app: Flask, change: Change) -> Iterator[Content]:
    """Let the application run on other content for a while."""
    before = app.extensions[EXTENSION]
    content = changed_content(change)
    app.extensions[EXTENSION] = replace(before, content=content)
    try:
        yield content
    finally:
        app.extensions[EXTENSION] = before


def one_minute_more(raw: dict[str, Any]) -> None:
    """Change one number of one template."""
    for item in raw["plan_templates"][f"{DISCECTOMY}.toml"]["items"]:
        if "minutes" in item.get("dose", {}):
            item["dose"]["minutes"] += 1
            return
    raise AssertionError("no item has minutes")


def another_word(raw: dict[str, Any]) -> None:
    """Change the words of one rule in one language."""
    raw["red_flags"]["rules"][0]["text"]["tr"] += " Hemen."
