"""What a patient's message is answered with: what its words ask for, and who reads it when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from recovery_service.domain.content import Content
from recovery_service.domain.languages import in_language
from recovery_service.domain.local_time import local_date
from recovery_service.domain.messages import NewMessage, judge_message
from recovery_service.domain.monitoring import promise
from recovery_service.errors import MessagesClosed
from recovery_service.services.alerting import Advised
from recovery_service.services.check_in_answers import advice_as_json
from recovery_service.services.check_in_judgement import waiting_with
from recovery_service.services.episode_watch import Watched


def said(
    content: Content, watched: Watched, advised: Sequence[Advised], *, now: datetime, language: str
) -> dict[str, Any]:
    """Return `{summary, advice, monitoring}`: never that all is well."""
    today = local_date(watched.time_zone, now)
    waiting = waiting_with(watched.outcome, advised, now=now)
    over = watched.is_over(now)
    key = "message.closed" if over else "message.monitoring"
    return {
        "summary": content.text(key, language, **({} if over else {"site": watched.outcome.site})),
        "advice": [
            advice_as_json(content, one, watched.watch.directory, today=today, language=language)
            for one in advised
        ],
        "monitoring": promise(
            content, watched.watch, waiting, now=now, time_zone=watched.time_zone,
            language=language,
        ),
    }  # fmt: skip


def closed(
    content: Content, watched: Watched, new: NewMessage, *, now: datetime, language: str
) -> MessagesClosed:
    """Return the refusal, which answers words of crisis and of an emergency all the same."""
    judged = judge_message(content, new, watched.situation(now), now=now)
    advice = [
        {
            "title": in_language(one.finding.title, language),
            "text": in_language(one.finding.text, language),
        }
        for one in judged
    ]
    told = said(content, watched, (), now=now, language=language)
    return MessagesClosed(told["summary"], {"advice": advice, "monitoring": told["monitoring"]})
