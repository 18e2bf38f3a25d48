"""The monitoring promise: who looks at what a patient reports, and what to do until then."""

from collections.abc import Mapping
from typing import Any

from recovery_service.domain.content import Content

NOT_MONITORED = "not_monitored"


def not_monitored(content: Content, phones: Mapping[str, str], language: str) -> dict[str, Any]:
    """Return `{state, until_then, phones}` for as long as nobody looks in real time.

    It says so, and whom to call; it never reassures.
    """
    return {
        "state": NOT_MONITORED,
        "until_then": " ".join(_sentences(content, phones, language)),
        "phones": dict(phones),
    }


def _sentences(content: Content, phones: Mapping[str, str], language: str) -> list[str]:
    told = [
        content.text("monitoring.not_monitored", language),
        content.text("monitoring.until_then", language),
    ]
    named = {f"{name}_phone": number for name, number in phones.items()}
    if {"clinic", "emergency"} <= phones.keys():
        told.append(content.text("monitoring.whom_to_call", language, **named))
    else:
        told.append(content.text("monitoring.no_phone", language))
    if "out_of_hours" in phones:
        told.append(content.text("monitoring.out_of_hours", language, **named))
    return told
