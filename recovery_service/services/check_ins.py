"""Check-ins: stored whatever they say, once, together with what they complete.

The request that matters most is the one that carries nearly all of the load, so the
common case is one statement: find the episode, store the report, close the day's
check-in and drop its reminders. What is rare takes a transaction of several.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from recovery_service.domain.actions import REACH_BACK
from recovery_service.domain.check_in_forms import Catalogue, check_answers
from recovery_service.domain.check_ins import (
    UNKNOWN_FORM_VERSION,
    Dated,
    NewCheckIn,
    given_date,
    given_zone,
    place_report,
)
from recovery_service.domain.local_time import local_date
from recovery_service.errors import ClientIdReused, Invalid
from recovery_service.models import CheckIn, Episode
from recovery_service.services.check_in_credit import EXERCISE, credit_day, lock_day
from recovery_service.services.check_in_statement import RECORD, Outcome
from recovery_service.services.device_plan import devices_owed_sync

_DAY = timedelta(days=1)

Trip = Callable[..., list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Whose report it is, and through whom it came; `episode_id` None: by its date."""

    clinic_id: UUID
    patient_id: UUID
    home_zone: str
    episode_id: UUID | None = None
    entered_by: UUID | None = None
    device_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A stored report as it is shown, whom to call, and what the phone knew already.

    `surgery_date` and `discharge_date` are the episode's; `repeated` says that the
    report had been stored before.
    """

    check_in: dict[str, Any]
    phones: Mapping[str, str]
    surgery_date: date | None
    discharge_date: date
    repeated: bool = False


def record_check_in(
    trip: Trip,
    transaction: Callable[[], Any],
    catalogue: Catalogue,
    reporter: Reporter,
    new: NewCheckIn,
    *,
    now: datetime,
) -> Recorded:
    """Store a report; the phone's id makes a retry harmless.

    Never refused for the clock, its age, the form's version, the state of plan or
    episode, or an unknown item: what is odd is kept as `issues`. `trip` runs one
    statement as a transaction of its own. Raises Invalid (an answer that its item cannot
    have), ClientIdReused, NoSuchObject (a patient without an episode).
    """
    new, values = _read(catalogue, reporter, new, now=now)
    outcome = Outcome.of(trip(RECORD, values, clinic_id=reporter.clinic_id))
    if outcome.stored:
        return _recorded(outcome, reporter, values)
    with transaction() as session:
        if outcome.more:
            return _record_and_credit(session, reporter, new, values, now=now)
        return _repeated(session, outcome, reporter, new)


def _read(
    catalogue: Catalogue, reporter: Reporter, new: NewCheckIn, *, now: datetime
) -> tuple[NewCheckIn, dict[str, Any]]:
    """Return the report with its answers as they are kept, and the statement's parameters."""
    checked = check_answers(catalogue, new.answers)
    if checked.errors:
        raise Invalid(errors=checked.errors)
    new = replace(new, answers={**new.answers, **checked.known})
    dated = place_report(new, received_at=now, home_zone=reporter.home_zone)
    issues = [*dated.issues, *checked.issues]
    if new.form_version != catalogue.form_version:
        issues.append({"code": UNKNOWN_FORM_VERSION})
    return new, _values(reporter, new, dated, issues, now=now)


def _values(
    reporter: Reporter,
    new: NewCheckIn,
    dated: Dated,
    issues: list[dict[str, str]],
    *,
    now: datetime,
) -> dict[str, Any]:
    day = dated.local_date
    sessions = new.answers.get("sessions_done")
    closes = local_date(dated.time_zone, now) - day <= REACH_BACK
    return {
        "clinic_id": reporter.clinic_id,
        "patient_id": reporter.patient_id,
        "episode_id": reporter.episode_id,
        "id": new.id,
        "date": day,
        "recorded_at": new.recorded_at,
        "received_at": now,
        "time_zone": dated.time_zone,
        "form_version": new.form_version,
        "answers": orjson.dumps(new.answers).decode(),
        "note": new.note,
        "issues": orjson.dumps(issues).decode(),
        "supersedes": new.supersedes,
        "source": new.source,
        "reported_by": new.reported_by,
        "entered_by": reporter.entered_by,
        "device_id": reporter.device_id,
        "from_key": f"{day:%Y%m%d}",
        "until_key": f"{day + _DAY:%Y%m%d}",
        "sessions": bool(sessions) and closes,
        "exercise": EXERCISE,
        "closes": closes,
        "locked": not closes,
    }


def _record_and_credit(
    session: Session, reporter: Reporter, new: NewCheckIn, values: dict[str, Any], *, now: datetime
) -> Recorded:
    """Store a report whose day has more to close than the one statement can see."""
    lock_day(session, reporter.clinic_id, reporter.patient_id)
    rows = session.connection().exec_driver_sql(RECORD, values | {"locked": True}).all()
    outcome = Outcome.of(rows)
    if not outcome.stored:
        return _repeated(session, outcome, reporter, new)
    credit_day(
        session,
        reporter.clinic_id,
        reporter.patient_id,
        outcome.episode_id,
        check_in_id=new.id,
        day=values["date"],
        sessions=new.answers["sessions_done"] if values["sessions"] else 0,
        now=now,
    )
    # Only here is anything closed of which a device has still to remind.
    key = (session, reporter.clinic_id, reporter.patient_id)
    devices_owed_sync(*key, but_not=reporter.device_id, now=now)
    return _recorded(outcome, reporter, values)


def _repeated(session: Session, outcome: Outcome, reporter: Reporter, new: NewCheckIn) -> Recorded:
    """Return what is stored under the id if it says the same; raises ClientIdReused."""
    row = session.get_one(CheckIn, (reporter.clinic_id, new.id))
    episode = session.get_one(Episode, (reporter.clinic_id, row.episode_id))
    if episode.patient_id != reporter.patient_id:
        raise ClientIdReused("check-in", new.id, None)
    stored = as_json(row)
    if _said(row) != new or reporter.episode_id not in (None, row.episode_id):
        raise ClientIdReused("check-in", new.id, stored)
    return Recorded(
        check_in=stored,
        phones=outcome.phones,
        surgery_date=episode.surgery_date,
        discharge_date=episode.discharge_date,
        repeated=True,
    )


def _said(row: CheckIn) -> NewCheckIn:
    """Return a stored report as the phone had sent it."""
    return NewCheckIn(
        id=row.id,
        date=given_date(row),
        recorded_at=row.recorded_at,
        time_zone=given_zone(row, row.time_zone),
        form_version=row.form_version,
        answers=row.answers,
        note=row.note,
        supersedes=row.supersedes,
        source=row.source,
        reported_by=row.reported_by,
    )


def _recorded(outcome: Outcome, reporter: Reporter, values: Mapping[str, Any]) -> Recorded:
    shown = {
        "id": values["id"],
        "episode_id": outcome.episode_id,
        "date": values["date"],
        "recorded_at": values["recorded_at"].astimezone(UTC),
        "received_at": values["received_at"],
        "time_zone": values["time_zone"],
        "form_version": values["form_version"],
        "answers": orjson.Fragment(values["answers"]),
        "note": values["note"],
        "supersedes": values["supersedes"],
        "issues": outcome.issues,
        "source": values["source"],
        "reported_by": values["reported_by"],
        "entered_by": reporter.entered_by,
    }
    return Recorded(
        check_in=shown,
        phones=outcome.phones,
        surgery_date=outcome.surgery_date,
        discharge_date=outcome.discharge_date,
    )


def as_json(row: CheckIn) -> dict[str, Any]:
    """Return a stored report as the API shows it."""
    return {
        "id": row.id,
        "episode_id": row.episode_id,
        "date": row.local_date,
        "recorded_at": row.recorded_at,
        "received_at": row.received_at,
        "time_zone": row.time_zone,
        "form_version": row.form_version,
        "answers": row.answers,
        "note": row.note,
        "supersedes": row.supersedes,
        "issues": row.issues,
        "source": row.source,
        "reported_by": row.reported_by,
        "entered_by": row.entered_by,
    }
