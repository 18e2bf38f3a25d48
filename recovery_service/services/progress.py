"""Progress of an episode: computed from what was reported and done, never stored."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.adherence import GROUPS, Adherence, Outcome, Pause, adherence
from recovery_service.domain.check_ins import newest_by_date
from recovery_service.domain.content import Content
from recovery_service.domain.languages import in_language
from recovery_service.domain.local_time import local_date, zone
from recovery_service.domain.recovery_day import RecoveryDay
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.domain.series import Point, Told, points, values_of
from recovery_service.domain.weeks_on_target import WeeksOnTarget, weeks_on_target
from recovery_service.models import CheckIn, Episode, Patient
from recovery_service.services.caseload_rows import CaseloadRow
from recovery_service.services.recovery_standing import (
    Reader,
    Reference,
    StandingView,
    references,
    standings,
    view_overall,
    view_standing,
)

_FIELDS = tuple(each.name for each in fields(Outcome))
_NUMERIC = ("integer", "decimal")
_WINDOWS = {"last_7_days": 7, "last_28_days": 28}

_OUTCOMES = """
SELECT s.kind, o.local_date, o.state, o.reason,
       EXISTS (SELECT FROM occurrence_action a
                WHERE a.clinic_id = o.clinic_id AND a.occurrence_id = o.id
                  AND a.action = 'complete' AND a.late) AS late,
       count(*)
  FROM schedule s
  JOIN occurrence o ON o.clinic_id = s.clinic_id AND o.lineage_id = s.id
 WHERE s.clinic_id = %(clinic_id)s AND s.patient_id = %(patient_id)s
   AND s.episode_id = %(episode_id)s AND s.kind = ANY (%(kinds)s)
 GROUP BY s.kind, o.local_date, o.state, o.reason, late
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The numbers of one item; `baseline` is what was known before the operation.

    `standing` is there for the pain questions, `references` where a course was published.
    """

    item: str
    label: str
    minimum: float | None
    maximum: float | None
    baseline: float | None
    points: tuple[Point, ...]
    standing: StandingView | None = None
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneView:
    """A milestone; `reached_on` is None as long as nothing that counts meets it."""

    code: str
    title: str
    reached_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The figures of an episode as of a local date.

    `standing` speaks for the recovery. `adherence` is by group of kinds (`exercise`,
    `posture`) and window (`last_7_days`, `last_28_days`, `whole`).
    """

    as_of: date
    procedure: str
    days_since_surgery: int | None
    days_since_discharge: int | None
    standing: StandingView
    series: tuple[Series, ...]
    adherence: Mapping[str, Mapping[str, Adherence]]
    weeks_on_target: WeeksOnTarget
    milestones: tuple[MilestoneView, ...]


def progress_of(
    session: Session,
    episode: Episode,
    patient: Patient,
    content: Content,
    reader: Reader,
    *,
    now: datetime,
) -> Progress:
    """Return the progress of an episode; two statements, whatever the history's length.

    Only what was reported of this episode counts: nothing crosses a second operation.
    """
    day = RecoveryDay.of(
        surgery=episode.surgery_date,
        discharge=episode.discharge_date,
        now=now,
        zone=zone(patient.time_zone),
    )
    today = local_date(patient.time_zone, now)
    counting = newest_by_date(_told(session, episode))
    outcomes = outcomes_of(session, episode)
    values = _values(content, counting)
    found = standings(content, episode, values, today=today)
    return Progress(
        as_of=today,
        procedure=episode.procedure,
        days_since_surgery=day.days_since_surgery,
        days_since_discharge=day.days_since_discharge,
        standing=view_overall(content, found, reader),
        series=_series(
            content,
            episode,
            values,
            {one.item: view_standing(content, one, reader) for one in found},
            reader,
        ),
        adherence=_adherence(outcomes, pause_of(patient), today),
        weeks_on_target=_weeks(content, episode, patient, outcomes, today),
        milestones=_milestones(content, episode, counting, reader, today),
    )


def _values(content: Content, counting: Mapping[date, Told]) -> dict[str, dict[date, float]]:
    """Return the numbers of every item that asks for one, by date; empty ones left out."""
    numeric = (one.code for one in content.check_ins.items.values() if one.type in _NUMERIC)
    return {code: values for code in numeric if (values := values_of(code, counting))}


def _series(
    content: Content,
    episode: Episode,
    values: Mapping[str, Mapping[date, float]],
    told: Mapping[str, StandingView],
    reader: Reader,
) -> tuple[Series, ...]:
    items = content.check_ins.items
    return tuple(
        Series(
            item=code,
            label=in_language(items[code].label, reader.language),
            minimum=items[code].minimum,
            maximum=items[code].maximum,
            baseline=episode.baseline.get(code),
            points=points(by_date),
            standing=told.get(code),
            references=references(content, episode, code, reader),
        )
        for code, by_date in values.items()
    )


def _milestones(
    content: Content,
    episode: Episode,
    counting: Mapping[date, Told],
    reader: Reader,
    today: date,
) -> tuple[MilestoneView, ...]:
    since = episode.surgery_date or episode.discharge_date
    reports = {day: report for day, report in counting.items() if since <= day <= today}
    return tuple(
        MilestoneView(
            code=one.code,
            title=in_language(one.title, reader.language),
            reached_on=one.when.met_on(reports),
        )
        for one in content.milestones.for_procedure(episode.procedure)
    )


def _weeks(
    content: Content,
    episode: Episode,
    patient: Patient,
    outcomes: list[Outcome],
    today: date,
) -> WeeksOnTarget:
    until = min(today, episode.ended_on or today)
    stops = (hold_of(episode, patient, until=until), pause_of(patient))
    return weeks_on_target(
        outcomes,
        [stop for stop in stops if stop is not None],
        discharge=episode.discharge_date,
        until=until,
        share=content.milestones.week.share,
    )


def _told(session: Session, episode: Episode) -> list[Told]:
    columns = (
        CheckIn.id,
        CheckIn.local_date,
        CheckIn.recorded_at,
        CheckIn.received_at,
        CheckIn.supersedes,
        CheckIn.issues,
        CheckIn.answers,
    )
    rows = session.execute(
        select(*columns).where(
            CheckIn.clinic_id == episode.clinic_id, CheckIn.episode_id == episode.id
        )
    )
    return [Told(**row) for row in rows.mappings()]


def _adherence(
    outcomes: list[Outcome], pause: Pause | None, today: date
) -> dict[str, dict[str, Adherence]]:
    begins: dict[str, date | None] = {
        name: today - timedelta(days=days - 1) for name, days in _WINDOWS.items()
    }
    begins["whole"] = None
    return {
        group: {
            name: adherence(outcomes, group, since=since, until=today, pause=pause)
            for name, since in begins.items()
        }
        for group in GROUPS
    }


def outcomes_of(session: Session, episode: Episode) -> list[Outcome]:
    """Return how the occurrences of the kinds that count ended, counted by kind and date."""
    values = {
        "clinic_id": episode.clinic_id,
        "patient_id": episode.patient_id,
        "episode_id": episode.id,
        "kinds": [name for name, kind in REMINDER_KINDS.items() if kind.counts],
    }
    rows = session.connection().exec_driver_sql(_OUTCOMES, values)
    return [Outcome(**dict(zip(_FIELDS, row, strict=True))) for row in rows]


def pause_of(patient: Patient | CaseloadRow) -> Pause | None:
    """Return the days on which the patient wanted no reminders."""
    chosen = patient.preferences.get("pause")
    if not chosen:
        return None
    return Pause(
        first=date.fromisoformat(chosen["from"]),
        last=date.fromisoformat(chosen["to"]),
    )


def hold_of(episode: Episode, patient: Patient, *, until: date) -> Pause | None:
    """Return the days of the latest hold; one that was not released lasts until `until`."""
    if episode.held_at is None:
        return None
    first = episode.held_from or local_date(patient.time_zone, episode.held_at)
    released = episode.released_at
    if episode.state == "on_hold" or released is None or released < episode.held_at:
        return Pause(first=first, last=until)
    return Pause(first=first, last=local_date(patient.time_zone, released))
