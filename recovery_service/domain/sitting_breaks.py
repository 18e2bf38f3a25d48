"""Sitting breaks: posture items that speak every so many minutes, and only if asked to.

The evidence for frequent prompts is weak and their cost in patience is high, so they are
opt-in, left to the device, and have a cap of their own.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from recovery_service.domain.recurrence_rules import Rule

_EVERY_SO_OFTEN = re.compile(r"s\d{4}")  # how a rule names the slots of a window


def is_rest(kind: str, slot: str) -> bool:
    """Say whether a reminder of a kind in a slot is a sitting break."""
    return kind == "posture" and _EVERY_SO_OFTEN.fullmatch(slot) is not None


def is_sitting_break(kind: str, rule: Rule) -> bool:
    """Say whether an item is one of sitting breaks."""
    return all(is_rest(kind, name) for name, _ in rule.slots)


def if_wanted(rule: Rule, kind: str, preferences: Mapping[str, Any]) -> Rule:
    """Return the rule as the patient has it: sitting breaks that nobody asked for are silent."""
    wanted = preferences.get("sitting_breaks", {}).get("enabled", False)
    if wanted or rule.remind_via == "none" or not is_sitting_break(kind, rule):
        return rule
    return replace(rule, remind_via="none")
