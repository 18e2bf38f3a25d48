"""Whether what a patient reported and did meets the criteria of a phase, with its facts; pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from recovery_service.domain.adherence import Adherence
from recovery_service.domain.languages import Texts
from recovery_service.domain.plan_template_parts import Criterion

MET, NOT_MET, UNKNOWN = "met", "not_met", "unknown"
READY, NOT_READY = "ready", "not_ready"
STATES = (MET, NOT_MET, UNKNOWN)

Answer = float | str | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What is known of one criterion.

    `state` is `met`, `not_met`, or `unknown` where too little was reported: that speaks
    for nothing. `entries` are the answers that were looked at, newest first; `done` of
    `due` sessions, or a `count`, stand in their place for a counted fact.
    """

    code: str
    title: Texts
    state: str
    needed: int
    item: str | None = None
    entries: tuple[tuple[date, Answer], ...] = ()
    done: int | None = None
    due: int | None = None
    count: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form, as a decision keeps it."""
        return {
            "code": self.code,
            "title": dict(self.title),
            "state": self.state,
            "needed": self.needed,
            "entries": [{"date": day.isoformat(), "value": value} for day, value in self.entries],
            "done": self.done,
            "due": self.due,
            "count": self.count,
        }


def judge(
    criteria: Sequence[Criterion],
    answers: Mapping[date, Mapping[str, Any]],
    sessions: Mapping[int, Adherence],
    *,
    today: date,
    open_alerts: int = 0,
) -> tuple[Fact, ...]:
    """Return what is known of each criterion on a local date.

    `answers` are those of the report that counts for each date; `sessions` the exercises
    of the last so many days, today included, by that number.
    """
    return tuple(
        _alerts(each, open_alerts)
        if each.fact == "open_alerts"
        else _counted(each, sessions[each.within_days])
        if each.item is None
        else _reported(each, each.item, answers, today)
        for each in criteria
    )


def standing_of(facts: Sequence[Fact]) -> str:
    """Return `ready` where every criterion is met, `not_ready` where one is not, else `unknown`."""
    states = {each.state for each in facts}
    if NOT_MET in states:
        return NOT_READY
    return UNKNOWN if UNKNOWN in states or MET not in states else READY


def version_of(phase: str, decision: str | None, facts: Sequence[Fact]) -> str:
    """Return a name for what is known of a phase: who decided on something else is told so."""
    told = [phase, decision, [each.as_json() for each in facts]]
    canonical = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _alerts(criterion: Criterion, count: int) -> Fact:
    return Fact(
        code=criterion.code,
        title=criterion.title,
        state=MET if count <= (criterion.at_most or 0) else NOT_MET,
        needed=0,
        count=count,
    )


def _counted(criterion: Criterion, sessions: Adherence) -> Fact:
    share = None if not sessions.due else sessions.done / sessions.due
    state = UNKNOWN if share is None else MET if share >= (criterion.at_least or 0) else NOT_MET
    return Fact(
        code=criterion.code,
        title=criterion.title,
        state=state,
        needed=criterion.entries,
        done=sessions.done,
        due=sessions.due,
    )


def _reported(
    criterion: Criterion, item: str, answers: Mapping[date, Mapping[str, Any]], today: date
) -> Fact:
    since = today - timedelta(days=criterion.within_days - 1)
    given = [
        (day, answers[day][item])
        for day in sorted(answers, reverse=True)
        if since <= day <= today and answers[day].get(item) is not None
    ][: criterion.entries]
    state = NOT_MET
    if all(_fits(criterion, value) for _, value in given):
        state = MET if len(given) == criterion.entries else UNKNOWN
    return Fact(
        code=criterion.code,
        title=criterion.title,
        state=state,
        needed=criterion.entries,
        item=item,
        entries=tuple(given),
    )


def _fits(criterion: Criterion, value: Answer) -> bool:
    if criterion.one_of:
        return value in criterion.one_of
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    low, high = criterion.at_least, criterion.at_most
    return (low is None or value >= low) and (high is None or value <= high)
