"""Alerts as they are shown, in the reader's language."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from recovery_service.domain.content import Content
from recovery_service.domain.languages import in_language
from recovery_service.domain.local_time import local_date
from recovery_service.domain.messages import MESSAGE
from recovery_service.services.alert_reads import Bundle, Story
from recovery_service.services.alerting import NOTE
from recovery_service.services.reason_words import answer_in_words, item_in_words, rule_in_words

_SAME = (
    "id", "rule_version", "tier", "state", "raised_at", "found_at", "about", "respond_by",
    "escalation", "assigned_to", "assigned_name", "acknowledged_at", "resolved_at",
    "resolution", "response", "responded_at",
)  # fmt: skip


def bundle_as_json(
    content: Content, bundle: Bundle, *, now: datetime, language: str
) -> dict[str, Any]:
    """Return a patient's line as `AlertBundleSchema` declares it."""
    person = bundle.person
    surgery = person["surgery_date"]
    today = local_date(person["time_zone"], now)
    return {
        "patient_id": person["patient_id"],
        "name": person["name"],
        "episode_id": person["episode_id"],
        "procedure": person["procedure"],
        "days_since_surgery": None if surgery is None else (today - surgery).days,
        "tier": bundle.tier,
        "open": bundle.open,
        "respond_by": bundle.respond_by,
        "overdue": bundle.overdue,
        "alerts": [
            alert_as_json(content, one, now=now, language=language) for one in bundle.alerts
        ],
    }


def alert_as_json(
    content: Content, alert: Mapping[str, Any], *, now: datetime, language: str
) -> dict[str, Any]:
    """Return an alert as `AlertSchema` declares it."""
    due, unseen = alert["respond_by"], alert["state"] == "open"
    return {name: alert[name] for name in _SAME} | {
        "rule": alert["rule_id"],
        "title": rule_in_words(content, alert["rule_id"], language),
        "overdue": unseen and bool(alert["escalation"] or (due and due <= now)),
        "facts": facts_in_words(content, alert["facts"], language),
    }


def story_as_json(
    content: Content, story: Story, *, now: datetime, language: str
) -> dict[str, Any]:
    """Return an alert's story as `AlertStorySchema` declares it."""
    shown = alert_as_json(content, story.alert, now=now, language=language)
    return shown | {
        "patient_id": story.alert["patient_id"],
        "episode_id": story.alert["episode_id"],
        "events": [
            {
                "kind": event.kind,
                "at": event.at,
                "tier": event.tier,
                "by": name,
                "assigned_to": event.assigned_to,
                "check_in_id": event.check_in_id,
                "message_id": event.message_id,
                "about": event.about,
                "facts": facts_in_words(content, event.facts, language),
                "resolution": event.resolution,
                "note": event.note,
            }
            for event, name in story.events
        ],
        "advice": [
            {
                "id": one.id,
                "check_in_id": one.check_in_id,
                "message_id": one.message_id,
                "given_at": one.given_at,
                "tier": one.tier,
                "text": in_language(one.text, language),
                "responses": [each for each in story.responses if each.advice_id == one.id],
            }
            for one in story.advice
        ],
    }


def facts_in_words(
    content: Content, facts: Sequence[Mapping[str, Any]] | None, language: str
) -> list[dict[str, Any]]:
    """Return stored facts with the words of the form for each."""
    return [
        {
            **fact,
            "date": date.fromisoformat(fact["date"]),
            "text": _fact_in_words(content, fact, language),
        }
        for fact in facts or ()
    ]


def _fact_in_words(content: Content, fact: Mapping[str, Any], language: str) -> str:
    item = fact["item"]
    if item == NOTE:
        return content.text("fact.note", language, words=fact["value"])
    if item == MESSAGE:
        return content.text("fact.message", language, words=fact["value"])
    if f"fact.{item}" in content.texts[language]:
        value = fact["value"]
        return content.text(f"fact.{item}", language, value="?" if value is None else value)
    name = item.removeprefix("highest of ").split(", ")[0]
    told = answer_in_words(content, name, fact["value"], language)
    return f"{item_in_words(content, name, language)}: {told}"
