"""Judging a stored report: what it means, who is told, and what the patient is promised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.domain.device_verdicts import Difference, differences
from recovery_service.domain.emergency_numbers import Directory
from recovery_service.domain.judgement import Judged, PastReport, judge_report
from recovery_service.domain.local_time import local_date
from recovery_service.domain.monitoring import NOT_MONITORED, Waiting, Watch
from recovery_service.domain.opening_times import OpeningTimes
from recovery_service.domain.red_flag_rules import TIERS
from recovery_service.domain.red_flags import Situation
from recovery_service.models import Advice, CheckIn
from recovery_service.services import device_verdicts
from recovery_service.services.alerting import NOTE, Advised, Ask, Reported, raise_alerts
from recovery_service.services.check_in_statement import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a report led to.

    `advised` is the advice, the strictest first; `watch` and `waiting` are what the
    monitoring promise is made of; `earlier` are the episode's other reports. `differs` is where
    the phone had told the patient otherwise.
    """

    advised: Sequence[Advised]
    watch: Watch
    waiting: Waiting
    earlier: Sequence[PastReport]
    differs: Sequence[Difference] = ()


def judge(
    ask: Ask,
    content: Content,
    outcome: Outcome,
    history: Sequence[Any],
    values: Mapping[str, Any],
    report: PastReport,
    *,
    now: datetime,
) -> Verdict:
    """Judge a report that `RECORD` has stored (`values` are its parameters), and raise alerts.

    Runs in the report's own transaction: it is not acknowledged before its alerts stand.
    """
    earlier = _reports(history)
    judged = judge_report(content.red_flags, earlier, report, situation_of(outcome, report))
    watch = watch_of(content, outcome, time_zone=values["time_zone"], now=now)
    advised = _advised(ask, content, outcome, judged, values, watch, now=now)
    waiting = waiting_with(outcome, advised, now=now)
    told = values["device_verdict"]
    differs = differences(orjson.loads(told), judged) if told else ()
    device_verdicts.keep(ask, values["clinic_id"], values["id"], differs, now=now)
    return Verdict(advised=advised, watch=watch, waiting=waiting, earlier=earlier, differs=differs)


def told_before(
    session: Session,
    content: Content,
    outcome: Outcome,
    history: Sequence[Any],
    stored: CheckIn,
    *,
    now: datetime,
) -> Verdict:
    """Return what the patient was told when the report came first; its alerts as they are."""
    rows = session.scalars(
        select(Advice).where(Advice.clinic_id == stored.clinic_id, Advice.check_in_id == stored.id)
    )
    order = {rule.id: place for place, rule in enumerate(content.red_flags.rules)}
    advised = [as_told(row) for row in rows]
    return Verdict(
        advised=sorted(
            advised, key=lambda one: (TIERS.index(one.tier), order.get(one.rule_id, len(order)))
        ),
        watch=watch_of(content, outcome, time_zone=stored.time_zone, now=now),
        waiting=waiting_with(outcome, (), now=now),
        earlier=_reports(history),
    )


def as_told(row: Advice) -> Advised:
    """Return stored advice as it was told."""
    return Advised(
        id=row.id,
        alert_id=row.alert_id,
        rule_id=row.rule_id,
        rule_version=row.rule_version,
        tier=row.tier,
        title=row.title,
        text=row.text,
        about=row.about,
        crisis=any(fact["item"] == NOTE for fact in row.facts),
    )


def _reports(history: Sequence[Any]) -> list[PastReport]:
    return [PastReport(**dict(zip(_HISTORY, row, strict=True))) for row in history]


def waiting_with(outcome: Outcome, advised: Sequence[Advised], *, now: datetime) -> Waiting:
    """Return what waits for a look, with what has just been found."""
    promised = [outcome.respond_by, *(one.respond_by for one in advised)]
    return Waiting(
        respond_by=min((due for due in promised if due), default=None),
        seen_at=outcome.seen_at,
        overdue=outcome.escalated or bool(outcome.respond_by and outcome.respond_by <= now),
    )


_HISTORY = (
    "id", "episode_id", "local_date", "recorded_at", "received_at", "supersedes", "answers",
    "note", "issues",
)  # fmt: skip


def situation_of(outcome: Outcome, report: PastReport) -> Situation:
    """Return whose report it is, on its own date."""
    return Situation(
        episode_id=outcome.episode_id,
        procedure=outcome.procedure,
        surgery_date=outcome.surgery_date,
        local_date=report.local_date,
    )


def watch_of(content: Content, outcome: Outcome, *, time_zone: str, now: datetime) -> Watch:
    """Return who watches the episode, for a patient whose clock is that of a zone."""
    times = OpeningTimes(
        time_zone=outcome.site_zone,
        hours=outcome.opening_hours,
        holidays=frozenset(outcome.holidays),
    )
    return Watch(
        site=outcome.site,
        times=times,
        directory=directory_of(content, outcome, time_zone, times, now=now),
        until=content.alert_policy.monitored_until(
            outcome.monitored_until,
            surgery_date=outcome.surgery_date,
            discharge_date=outcome.discharge_date,
        ),
        ended=outcome.ended,
    )


def directory_of(
    content: Content, outcome: Outcome, time_zone: str, times: OpeningTimes, *, now: datetime
) -> Directory:
    """Return whom a patient can call from where they are."""
    return content.emergency_numbers.directory(
        outcome.phones, country=outcome.country, time_zone=time_zone, is_open=times.is_open(now)
    )


def _advised(
    ask: Ask, content: Content, outcome: Outcome, judged: Sequence[Judged],
    values: Mapping[str, Any], watch: Watch, *, now: datetime,
) -> list[Advised]:  # fmt: skip
    if not judged and values["supersedes"] is None:
        return []
    reported = Reported(
        clinic_id=values["clinic_id"],
        patient_id=values["patient_id"],
        episode_id=outcome.episode_id,
        check_in_id=values["id"],
        supersedes=values["supersedes"],
        today=local_date(values["time_zone"], now),
        times=watch.times,
        watched=watch.state(now, values["time_zone"]) != NOT_MONITORED,
    )
    silences = {rule.id: rule.silence_days for rule in content.red_flags.rules}
    return raise_alerts(ask, reported, judged, content.alert_policy, silences, now=now)


def report_of(episode_id: UUID, day: date, values: Mapping[str, Any], answers: Mapping[str, Any],
              issues: Sequence[Mapping[str, Any]]) -> PastReport:  # fmt: skip
    """Return the stored report as the rules read it."""
    return PastReport(
        id=values["id"],
        episode_id=episode_id,
        local_date=day,
        recorded_at=values["recorded_at"],
        received_at=values["received_at"],
        supersedes=values["supersedes"],
        answers=answers,
        note=values["note"],
        issues=issues,
    )
