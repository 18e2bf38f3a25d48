"""Every reason that the code can write has a sentence in every language.

Planted, each seen red: a channel's new code ("no_credit") that nobody words; a sweep that
says 'over'; `cancel_unsent(reason="gone_home")`; a guard that returns a new word; a text
left out of Turkish (the content refuses to load); a text that no code asks for.
"""

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from config.content import read_content
from recovery_service.domain import delivery_reasons as known
from recovery_service.domain import interruptions
from recovery_service.domain.appointments import STATES
from recovery_service.domain.content import Content
from recovery_service.domain.delivery_reasons import keys, why, why_planned
from recovery_service.domain.languages import LANGUAGES
from recovery_service.models import Delivery, Occurrence
from recovery_service.reminders import expansion, fence, parcels, settling, sweep
from recovery_service.reminders.channels import posting
from recovery_service.services import appointment_schedules, booking_items

OURS = Path(__file__).parents[2] / "recovery_service"
EXPIRED = "expired"  # a provider's "too late" is ours: it was dropped


def calls(names: set[str], *folders: str) -> Iterator[ast.Call]:
    """Yield the calls of functions of these names."""
    for folder in folders:
        for path in sorted((OURS / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) in names:
                    yield node


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def words(node: ast.AST) -> set[str]:
    """Return the string literals below a node."""
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


def written_by(statement: str) -> set[str]:
    """Return the reasons that a statement writes: literals after `reason =`, also by case."""
    found = set()
    for part in re.findall(r"\breason = (CASE.*?END|'\w+')", statement, re.DOTALL):
        found |= set(re.findall(r"(?:^|THEN |ELSE )'(\w+)'", part))
    return found


def statements(*folders: str) -> Iterator[tuple[str, str]]:
    """Yield what updates deliveries or occurrences: the table, and the SQL after its name."""
    for folder in folders:
        for path in sorted((OURS / folder).rglob("*.py")):
            for text in words(ast.parse(path.read_text(encoding="utf-8"))):
                _, *parts = re.split(r"UPDATE (delivery|occurrence)\b", text)
                yield from zip(parts[::2], parts[1::2], strict=True)


def test_what_a_channel_answers_has_words() -> None:
    answers = {"Dead", "Retry", "Retired", "NoAnswer", "_unsure"}
    said = {word for call in calls(answers, "reminders") for word in words(call)}
    said |= set(posting._PASSING.values())
    assert {"throttled", "gone", "provider_rejected"} <= said
    assert said - {EXPIRED} == known.TROUBLES, "a trouble without words, or words for none"


def test_what_the_fence_and_the_day_decide_has_words() -> None:
    guards = ast.parse(Path(str(fence.__file__)).read_text(encoding="utf-8"))
    names = {guard.__name__ for guard in fence.GUARDS}
    said = set(fence._CLOSED.values()) | {fence.EXPIRED, "episode_on_hold", "episode_ended"}
    for function in ast.walk(guards):
        if isinstance(function, ast.FunctionDef) and function.name in names:
            for answer in ast.walk(function):
                if isinstance(answer, ast.Return) and isinstance(answer.value, ast.IfExp):
                    said |= words(answer.value.body)
                elif isinstance(answer, ast.Return) and isinstance(answer.value, ast.Constant):
                    said |= words(answer.value)
    said -= {""}
    assert {"superseded", "opted_out", "confirmed"} <= said
    assert said <= known.NOT_SENT


def test_what_interrupts_too_often_has_words() -> None:
    named = {"Drop": set[str](), "Wait": set[str]()}
    for call in calls({"Drop", "Wait", "_later"}, "domain", "reminders"):
        for argument in call.args:
            name = getattr(argument, "id", "")
            value = getattr(interruptions, name, None) or getattr(parcels, name, None)
            if isinstance(value, str):
                for verdict in [_name(call.func)] if _name(call.func) != "_later" else named:
                    named[verdict].add(value)
    assert "tapered" in named["Drop"]
    assert "with_the_lead" in named["Wait"]
    assert named["Drop"] <= known.NOT_SENT
    assert named["Wait"] <= known.WAITS
    assert settling._WAITED <= known.SENT


def test_what_statements_write_has_words() -> None:
    allowed = {"delivery": known.NOT_SENT | known.TROUBLES, "occurrence": known.OCCURRENCES}
    found = {(table, word) for table, text in statements("reminders", "services")
             for word in written_by(text)}  # fmt: skip
    assert ("delivery", "no_channel") in found
    assert ("occurrence", "not_answered") in found
    assert {pair for pair in found if pair[1] not in allowed[pair[0]]} == set()
    assert "'expired'" in sweep._DROP


def test_what_an_edit_takes_back_has_words() -> None:
    ended = {"cancel_unsent", "hold_schedules", "end_schedules", "close"}
    said = set()
    for call in calls(ended, "services"):
        for keyword in call.keywords:
            if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant):
                said |= words(keyword.value)
    assert {"snoozed", "item_removed", "on_hold"} <= said
    responses = (None, "confirm", "request_change", "booked_elsewhere")
    said |= {
        appointment_schedules._reason(_appointment(state, response), told=told)
        for state, response, told in product(STATES, responses, (True, False))
    }
    assert said <= known.NOT_SENT
    assert said - {"done", "snoozed", "skipped"} <= known.OCCURRENCES
    # What an answer of the patient or a booking closes goes by the occurrence's state.
    assert {"done", "skipped", "cancelled"} <= known.NOT_SENT


def _appointment(state: str, response: str | None) -> Any:
    return SimpleNamespace(state=state, response=response)


def test_why_something_was_missed_or_closed_has_words() -> None:
    said = {booking_items.BOOKED, booking_items.CANCELLED}
    said |= {
        value
        for name, value in vars(expansion).items()
        if name.isupper() and isinstance(value, str)
    }
    assert said <= known.OCCURRENCES


def test_there_is_a_sentence_for_each_and_none_for_nothing() -> None:
    content = Content.parse(read_content())
    extra = {"why.inbox_only", "why.not_yet"}
    for language in LANGUAGES:
        texts = {key for key in content.texts[language] if key.startswith("why.")}
        assert texts == keys() | extra


def test_every_stored_state_is_told_by_a_sentence_that_exists() -> None:
    reasons = [None, "unheard_of", *known.NOT_SENT, *known.TROUBLES, *known.WAITS, *known.SENT]
    for state, cause, reason in product(_checked(Delivery, "state"), known.CAUSES, reasons):
        told = why(state, cause, reason)
        assert told.key in keys()
        assert told.trouble is None or told.trouble in keys()
    assert _checked(Delivery, "cause") == known.CAUSES
    for reason in [*known.OCCURRENCES, "unheard_of"]:
        planned = why_planned(reason)
        assert planned is not None
        assert planned.key in keys()
    assert why_planned(None) is None
    assert "missed" in _checked(Occurrence, "state")


def _checked(model: Any, column: str) -> set[str]:
    """Return what the database takes for a column."""
    for constraint in model.__table__.constraints:
        text = str(getattr(constraint, "sqltext", ""))
        if text.startswith(f"{column} IN ("):
            return set(re.findall(r"'(\w+)'", text))
    raise AssertionError(column)


def test_a_reason_reads_differently_by_what_became_of_it() -> None:
    assert why("sent", "due", "quiet_hours").key == "why.sent.quiet_hours"
    assert why("ready", "due", "quiet_hours").key == "why.waits.quiet_hours"
    assert why("dropped", "due", "quiet_hours").key == "why.not_sent.quiet_hours"
    assert why("ready", "due", "throttled") == ("why.again", "why.trouble.throttled")
    assert why("dead", "due", "provider_rejected").key == "why.given_up"
    assert why("dead", "due", "uncertain").key == "why.trouble.uncertain"
    assert why("sent", "nudge", None).key == "why.sent.nudge"
    assert why("dropped", "due", "opted_out").key == "why.not_sent.opted_out"
    assert why("dead", "due", "opted_out").key == "why.given_up"
    assert why("dead", "due", "no_channel").key == "why.not_sent.no_channel"
