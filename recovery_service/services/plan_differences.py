"""What is different between two revisions of a plan, in the words of who reads it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from recovery_service.domain.content import Content
from recovery_service.domain.languages import in_language
from recovery_service.domain.plan_changes import (
    ChangedItem,
    Entry,
    Limit,
    PlanChanges,
    compare,
)
from recovery_service.models import PlanItem, PlanRestriction, PlanRevision

_ITEM = ("title", "instructions", "dose", "media")
_DAYS = ("anchor", "from_day", "to_day", "every_days", "weekdays")
_LIMIT = ("limit_value", "unit", "to_day", "text")


def differences(
    content: Content,
    before: tuple[PlanRevision, Sequence[PlanItem], Sequence[PlanRestriction]],
    after: tuple[PlanRevision, Sequence[PlanItem], Sequence[PlanRestriction]],
    language: str,
) -> PlanChanges:
    """Compare two revisions with their items and restrictions, and say it in sentences."""
    changes = compare(
        since=before[0].number,
        before=[_entry(each, language) for each in before[1]],
        after=[_entry(each, language) for each in _ordered(after[1])],
        limits_before=[_limit(each, language) for each in before[2]],
        limits_after=[_limit(each, language) for each in after[2]],
        restored_from=after[0].restored_from,
    )
    return replace(changes, summary=_sentences(content, changes, language))


def _ordered(items: Iterable[PlanItem]) -> list[PlanItem]:
    return sorted(items, key=lambda item: item.position)


def _entry(item: PlanItem, language: str) -> Entry:
    rule = item.rule
    content: Mapping[str, Any] = {
        **{name: getattr(item, name) for name in _ITEM},
        "days": [rule.get(name) for name in _DAYS],
        "times": rule.get("slots"),
        "reminder": {name: rule[name] for name in rule.keys() - {*_DAYS, "slots"}},
        "phase": item.phase,
    }
    return Entry(item.lineage_id, in_language(item.title, language), content)


def _limit(limit: PlanRestriction, language: str) -> Limit:
    content = {name: getattr(limit, name) for name in _LIMIT}
    text = in_language(limit.text, language)
    return Limit(limit.code, limit.from_day, text, content, limit.lineage_id)


def _sentences(content: Content, changes: PlanChanges, language: str) -> tuple[str, ...]:
    """Return a line for each change, in the order in which it matters to a patient."""

    def say(key: str, **words: str) -> str:
        return content.text(f"plan_changed.{key}", language, **words)

    def fields(item: ChangedItem) -> str:
        return ", ".join(say(f"field.{name}") for name in item.fields)

    return (
        *([say("restored")] if changes.restored_from is not None else []),
        *(say(f"limit.{each.change}", text=each.text) for each in changes.limits),
        *(say("added", title=each.title) for each in changes.added),
        *(say("changed", title=each.title, fields=fields(each)) for each in changes.changed),
        *(say("removed", title=each.title) for each in changes.removed),
    )
