"""Rules and instants as the tests write them: only the interesting part."""

from datetime import UTC, datetime
from typing import Any

from recovery_service.domain.recurrence import Occurrence, Rule

MORNING_EVENING = {"morning": "09:00", "evening": "18:00"}


def rule_of(**changes: Any) -> Rule:
    """Read a rule, daily at nine for two hours but for what is written down."""
    plain: dict[str, Any] = {"anchor": "surgery", "from_day": 0, "valid_for_minutes": 120}
    if "every_minutes" not in changes:
        plain["slots"] = {"morning": "09:00"}
    return Rule.parse(plain | changes)


def utc(text: str) -> datetime:
    """Read an instant without writing the zone each time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def brief(found: Occurrence | None) -> str:
    """Say what an occurrence is and when it is due (UTC), in a word."""
    return f"{found.occ_key} {found.due_at:%m-%dT%H:%M}" if found else "nothing"
