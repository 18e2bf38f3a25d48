"""The answer to a check-in: what to do first, whom to call, who looks, and how it goes.

It never waits for staff and never reassures.
"""

from datetime import date, datetime
from statistics import median
from typing import Any

from recovery_service.domain.check_ins import newest_by_date
from recovery_service.domain.content import Content
from recovery_service.domain.dates_in_words import short_date
from recovery_service.domain.emergency_numbers import CRISIS, Directory
from recovery_service.domain.languages import in_language
from recovery_service.domain.local_time import local_date
from recovery_service.domain.monitoring import promise
from recovery_service.domain.pain_trends import WEEK, pain_items
from recovery_service.services.alerting import Advised
from recovery_service.services.check_ins import Recorded
from recovery_service.services.reason_words import item_in_words

#: With fewer answers there is no middle to speak of (the rules' own median has as many).
_LEAST = 3


def answer(content: Content, recorded: Recorded, *, now: datetime, language: str) -> dict[str, Any]:
    """Return the answer as `CheckInAnswerSchema` declares it."""
    zone = recorded.check_in["time_zone"]
    verdict, today = recorded.verdict, local_date(zone, now)
    return {
        "check_in": recorded.check_in,
        "summary": content.text(f"advice.{'some' if verdict.advised else 'none'}", language),
        "advice": [
            advice_as_json(content, one, verdict.watch.directory, today=today, language=language)
            for one in verdict.advised
        ],
        "monitoring": promise(
            content, verdict.watch, verdict.waiting, now=now, time_zone=zone, language=language
        ),
        "progress": _progress(content, recorded, language),
    }


def advice_as_json(
    content: Content, told: Advised, directory: Directory, *, today: date, language: str
) -> dict[str, Any]:
    """Return one advice as `AdviceSchema` declares it; `today` is the patient's date."""
    late = told.about < today
    text = in_language(told.text, language)
    if late:
        day = short_date(content, told.about, language)
        text = f"{content.text('advice.late', language, date=day)} {text}"
    calls = content.emergency_numbers.calls_for(CRISIS if told.crisis else told.tier, directory)
    return {
        "id": told.id,
        "rule": told.rule_id,
        "version": told.rule_version,
        "tier": told.tier,
        "title": in_language(told.title, language),
        "text": text,
        "about": told.about,
        "late": late,
        "actions": [
            {
                "name": call.name,
                "label": content.text(f"call.{call.name}", language),
                "phone": call.phone,
            }
            for call in calls
        ],
    }


def _progress(content: Content, recorded: Recorded, language: str) -> dict[str, Any]:
    day, outcome = recorded.check_in["date"], recorded.outcome
    surgery = outcome.surgery_date
    since = None if surgery is None else (day - surgery).days
    told = []
    if since is not None and since >= 0:
        told.append(content.text("progress.day", language, day=since))
    told += _pain(content, recorded, language)
    return {
        "days_since_surgery": since,
        "days_since_discharge": (day - outcome.discharge_date).days,
        "text": " ".join(told) or None,
    }


def _pain(content: Content, recorded: Recorded, language: str) -> list[str]:
    """Return the leading pain beside the middle of the week before; plain figures only."""
    item, day = pain_items(recorded.outcome.procedure)[0], recorded.check_in["date"]
    now = recorded.said.get(item)
    week = [
        value
        for each, report in newest_by_date(recorded.verdict.earlier).items()
        if day - WEEK <= each < day and (value := report.answers.get(item)) is not None
    ]
    if now is None or len(week) < _LEAST:
        return []
    words = {"now": f"{now:g}", "before": f"{median(week):g}", "count": len(week)}
    name = item_in_words(content, item, language)
    return [content.text("progress.pain", language, item=name, **words)]
