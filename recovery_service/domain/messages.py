"""What the words of a message ask for: the lists are searched, and nothing cleverer is done.

A message that meets neither list is not thereby harmless, and is never called so.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from recovery_service.domain.content import Content
from recovery_service.domain.crisis_words import crisis_words_in
from recovery_service.domain.judgement import Judged, PastReport
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.red_flag_conditions import Fact
from recovery_service.domain.red_flag_rules import TIERS
from recovery_service.domain.red_flags import Finding, Situation, evaluate

LONGEST = 4000
#: The name under which facts tell of a message, and the rule that its urgent words meet.
MESSAGE = "message"
URGENT_WORDS = "MSG1_URGENT_WORDS"
#: After so many days an answered thread no longer keeps the rule quiet: there are none.
SILENCE_DAYS = 0
URGENT, CRISIS = "urgent", "crisis"
_SAME_DAY = "same_day"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """What somebody writes; the client chooses `id`. `written_at` is its clock, if it says."""

    id: UUID
    text: str
    written_at: datetime | None = None


def sounds(content: Content, text: str) -> str | None:
    """Return which list a text meets, the crisis list first; None says only that it meets none."""
    if crisis_words_in(content.crisis_words, text):
        return CRISIS
    return URGENT if crisis_words_in(content.urgent_words, text) else None


def judge_message(
    content: Content, new: NewMessage, situation: Situation, *, now: datetime
) -> tuple[Judged, ...]:
    """Return what a message asks for on a date, the strictest first.

    Words of crisis meet the rules as the note of a check-in does. Words of an emergency are a
    rule of their own, at the tier of the same day: the patient is told to call at once, and a
    list that knows no negation must not wear out those who are called for an emergency.
    """
    report = PastReport(
        id=new.id,
        episode_id=situation.episode_id,
        local_date=situation.local_date,
        recorded_at=now,
        received_at=now,
        supersedes=None,
        answers={},
        note=new.text,
    )
    noted = [
        one
        for one in evaluate(content.red_flags, [report], situation)
        if any(fact.item == "note" for fact in one.facts)
    ]
    found = [*noted, *_urgent(content, new.text, situation.local_date)]
    found.sort(key=lambda one: TIERS.index(one.tier))
    return tuple(Judged(finding=one, about=situation.local_date, new=True) for one in found)


def _urgent(content: Content, text: str, day: date) -> list[Finding]:
    words = content.urgent_words
    met = crisis_words_in(words, text)
    if not met:
        return []
    finding = Finding(
        rule_id=URGENT_WORDS,
        rule_version=words.version,
        tier=_SAME_DAY,
        facts=tuple(
            Fact(item=MESSAGE, value=one, local_date=day, comparison={MESSAGE: "urgent_words"})
            for one in met
        ),
        title={one: content.text("message.urgent", one) for one in LANGUAGES},
        text=words.text,
    )
    return [finding]
