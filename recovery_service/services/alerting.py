"""Raising alerts for what a report means, in the transaction that stores the report.

Three statements at most, whatever was found: read what stands, read who is there, and write
everything at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson

from recovery_service.domain.alert_policy import AlertPolicy
from recovery_service.domain.alerts import AlertState, LastAlert, Raising, Step, raising, strictest
from recovery_service.domain.escalation import recipients
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.judgement import Judged
from recovery_service.domain.languages import Texts
from recovery_service.domain.opening_times import OpeningTimes
from recovery_service.reminders.colleagues import (
    ABSENT,
    COLLEAGUES,
    colleagues_by_patient,
    covers_by_patient,
    notice,
)
from recovery_service.services.alert_statements import CORRECTED, LAST, WRITE

Ask = Callable[..., list[list[Any]]]

#: The name under which facts tell of the note.
NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """The report or message that was judged, and where its episode stands.

    `today` is the patient's date, by which absences and the care team are read. Where nobody
    watches any more (`watched`), alerts are raised without a time by which somebody looks.
    """

    clinic_id: UUID
    patient_id: UUID
    episode_id: UUID
    check_in_id: UUID | None
    supersedes: UUID | None
    today: date
    times: OpeningTimes
    watched: bool
    message_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advised:
    """What the patient is told about one finding, and the alert that stands for it.

    `about` is the local date that the finding is of. `crisis`: words of the crisis list were
    found. `respond_by` is the promise of an alert that waits for a look, else None.
    """

    id: UUID
    alert_id: UUID
    rule_id: str
    rule_version: int
    tier: str
    title: Texts
    text: Texts
    about: date
    crisis: bool
    respond_by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raised:
    """A finding with what became of it."""

    judged: Judged
    raising: Raising
    advice_id: UUID
    alert_id: UUID
    tier: str
    respond_by: datetime | None
    at: datetime


def raise_alerts(
    ask: Ask, reported: Reported, judged: Sequence[Judged], policy: AlertPolicy,
    silences: Mapping[str, int], *, now: datetime,
) -> list[Advised]:  # fmt: skip
    """Write what was found: alerts, their history, the advice, and mails to staff.

    `silences` are the rules' `silence_days`. What only was told before attaches without an
    event. Every finding has its advice, whatever became of its alert.
    """
    corrected = [(CORRECTED, _values(reported, now))] if reported.supersedes else []
    if not judged:
        if corrected:
            ask(*corrected)
        return []
    rules = [one.finding.rule_id for one in judged]
    *_, rows = ask(*corrected, (LAST, {**_values(reported, now), "rules": rules}))
    last = {row[1]: LastAlert._make(row) for row in rows}
    raised = [_raised(one, last, reported, policy, silences, now=now) for one in judged]
    notices = _notices(ask, reported, raised, now=now)
    ask((WRITE, {**_written(reported, raised), "notices": _json(notices), "now": now}))
    return [_advised(one) for one in raised]


def _advised(one: _Raised) -> Advised:
    finding = one.judged.finding
    return Advised(
        id=one.advice_id,
        alert_id=one.alert_id,
        rule_id=finding.rule_id,
        rule_version=finding.rule_version,
        tier=finding.tier,
        title=finding.title,
        text=finding.text,
        about=one.judged.about,
        crisis=any(fact.item == NOTE for fact in finding.facts),
        respond_by=one.respond_by,
    )


def _raised(
    judged: Judged, last: Mapping[str, LastAlert], reported: Reported, policy: AlertPolicy,
    silences: Mapping[str, int], *, now: datetime,
) -> _Raised:  # fmt: skip
    tier, rule = judged.finding.tier, judged.finding.rule_id
    known = last.get(rule)
    if known is not None and not judged.new:
        done = Raising(step=Step.FOUND_AGAIN, alert=known)
    else:
        done = raising(tier, silences[rule], known, now=now)
    promised = done.asks and reported.watched
    due = policy.paces[tier].respond_by(reported.times, now) if promised else None
    if done.alert is not None and done.alert.state == AlertState.OPEN:
        due = min(filter(None, (due, done.alert.respond_by)), default=None)
    return _Raised(
        judged=judged,
        raising=done,
        advice_id=new_id(now=now),
        alert_id=done.alert.id if done.alert else new_id(now=now),
        tier=strictest(tier, done.alert.tier) if done.alert else tier,
        respond_by=due,
        at=now,
    )


def _written(reported: Reported, raised: Sequence[_Raised]) -> dict[str, str]:
    """Return the rows of `WRITE`, but for the notices."""
    clinic = {"clinic_id": reported.clinic_id}
    whose = clinic | {"episode_id": reported.episode_id}
    its = {"check_in_id": reported.check_in_id, "message_id": reported.message_id}
    new = [_alert(one) for one in raised if one.raising.alert is None]
    patient = {"patient_id": reported.patient_id}
    return {
        "raised": _json([whose | patient | row for row in new]),
        "changed": _json([clinic | change for one in raised if (change := _change(one))]),
        "events": _json([clinic | its | _event(one) for one in raised if one.judged.new]),
        "advice": _json([whose | its | _advice(one) for one in raised]),
    }


def _alert(one: _Raised) -> dict[str, Any]:
    finding = one.judged.finding
    return {
        "id": one.alert_id,
        "rule_id": finding.rule_id,
        "rule_version": finding.rule_version,
        "tier": one.tier,
        "respond_by": one.respond_by,
    }


def _change(one: _Raised) -> dict[str, Any] | None:
    """Return what a finding changes of the unresolved alert that it attaches to."""
    alert = one.raising.alert
    if alert is None or alert.state == AlertState.RESOLVED:
        return None
    anew = one.raising.asks
    return {
        "id": alert.id,
        "rule_version": one.judged.finding.rule_version,
        "tier": one.tier,
        "state": AlertState.OPEN if anew else alert.state,
        "respond_by": one.respond_by if anew else alert.respond_by,
        "anew": anew,
    }


def _event(one: _Raised) -> dict[str, Any]:
    step = one.raising.step
    kind = Step.FOUND_AGAIN if step is Step.REOPENED else step
    return {
        "id": new_id(now=one.at),
        "alert_id": one.alert_id,
        "kind": kind,
        "tier": one.judged.finding.tier,
        "about": one.judged.about,
        "facts": [fact.as_json() for fact in one.judged.finding.facts],
        "new": one.raising.alert is None,
    }


def _advice(one: _Raised) -> dict[str, Any]:
    finding = one.judged.finding
    return {
        "id": one.advice_id,
        "alert_id": one.alert_id,
        "rule_id": finding.rule_id,
        "rule_version": finding.rule_version,
        "tier": finding.tier,
        "about": one.judged.about,
        "facts": [fact.as_json() for fact in finding.facts],
        "title": dict(finding.title),
        "text": dict(finding.text),
    }


def _notices(
    ask: Ask, reported: Reported, raised: Sequence[_Raised], *, now: datetime
) -> list[dict[str, Any]]:
    """Return one notice a person and way for all that asks, on the most pressing alert."""
    asking = [one for one in raised if one.raising.asks]
    if not asking:
        return []
    values = {
        "clinics": [reported.clinic_id],
        "patients": [reported.patient_id],
        "days": [reported.today],
    }
    people, absent = ask((COLLEAGUES, values), (ABSENT, values))
    first = asking[0]
    to = recipients(
        colleagues_by_patient(people).get(reported.patient_id, []),
        covers_by_patient(absent).get(reported.patient_id, {}),
        escalation=0,
        tier=first.tier,
    )
    cause = Step.RAISED if first.raising.step is Step.RAISED else Step.WORSENED
    new = first.raising.alert is None
    return [
        notice(each, reported.clinic_id, first.alert_id, cause, new=new, now=now) for each in to
    ]


def _values(reported: Reported, now: datetime) -> dict[str, Any]:
    return {
        "clinic_id": reported.clinic_id,
        "patient_id": reported.patient_id,
        "episode_id": reported.episode_id,
        "check_in_id": reported.check_in_id,
        "message_id": reported.message_id,
        "supersedes": reported.supersedes,
        "today": reported.today,
        "now": now,
    }


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return orjson.dumps(rows).decode()
