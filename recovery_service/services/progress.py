"""Progress of an episode: computed from what was reported and done, never stored."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.adherence import GROUPS, Adherence, Outcome, Pause, adherence
from recovery_service.domain.check_in_forms import Catalogue
from recovery_service.domain.check_ins import newest_by_date
from recovery_service.domain.languages import in_language
from recovery_service.domain.local_time import local_date, zone
from recovery_service.domain.recovery_day import RecoveryDay
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.domain.series import Point, Told, points, values_of
from recovery_service.models import CheckIn, Episode, Patient

NO_REFERENCE = "no_reference"
NO_CORRIDOR = "no_corridor"

_FIELDS = tuple(each.name for each in fields(Outcome))
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
    """The numbers of one item; `baseline` is what was known before the operation."""

    item: str
    label: str
    minimum: float | None
    maximum: float | None
    baseline: float | None
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The figures of an episode as of a local date.

    `adherence` is by group of kinds (`exercise`, `posture`) and window (`last_7_days`,
    `last_28_days`, `whole`).
    """

    as_of: date
    procedure: str
    days_since_surgery: int | None
    days_since_discharge: int | None
    status: str
    reason: str
    series: tuple[Series, ...]
    adherence: Mapping[str, Mapping[str, Adherence]]


def progress_of(
    session: Session,
    episode: Episode,
    patient: Patient,
    catalogue: Catalogue,
    *,
    now: datetime,
    language: str,
) -> Progress:
    """Return the progress of an episode; two statements, whatever the history's length."""
    day = RecoveryDay.of(
        surgery=episode.surgery_date,
        discharge=episode.discharge_date,
        now=now,
        zone=zone(patient.time_zone),
    )
    today = local_date(patient.time_zone, now)
    return Progress(
        as_of=today,
        procedure=episode.procedure,
        days_since_surgery=day.days_since_surgery,
        days_since_discharge=day.days_since_discharge,
        status=NO_REFERENCE,
        reason=NO_CORRIDOR,
        series=_series(session, episode, catalogue, language),
        adherence=_adherence(session, episode, patient, today),
    )


def _series(
    session: Session, episode: Episode, catalogue: Catalogue, language: str
) -> tuple[Series, ...]:
    counting = newest_by_date(_told(session, episode))
    found = []
    for item in catalogue.items.values():
        values = values_of(item.code, counting) if item.type in ("integer", "decimal") else {}
        if values:
            found.append(
                Series(
                    item=item.code,
                    label=in_language(item.label, language),
                    minimum=item.minimum,
                    maximum=item.maximum,
                    baseline=episode.baseline.get(item.code),
                    points=points(values),
                )
            )
    return tuple(found)


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
    session: Session, episode: Episode, patient: Patient, today: date
) -> dict[str, dict[str, Adherence]]:
    outcomes = outcomes_of(session, episode)
    pause = pause_of(patient)
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


def pause_of(patient: Patient) -> Pause | None:
    """Return the days on which the patient wanted no reminders."""
    chosen = patient.preferences.get("pause")
    if not chosen:
        return None
    return Pause(
        first=date.fromisoformat(chosen["from"]),
        last=date.fromisoformat(chosen["to"]),
    )
