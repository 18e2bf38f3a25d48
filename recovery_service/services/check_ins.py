"""Check-ins: stored whatever they say, once, together with what they complete.

The request that matters most is the one that carries nearly all of the load, so the
common case is one trip to the database and its commit: find the episode, store the report,
close the day's check-in, drop its reminders, and bring the history that it is judged by. What
it means is raised before it is acknowledged. What the day still holds is completed in one more.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg
from sqlalchemy.orm import Session

from recovery_service.domain.actions import REACH_BACK
from recovery_service.domain.check_in_forms import check_answers
from recovery_service.domain.check_ins import (
    UNKNOWN_FORM_VERSION,
    Dated,
    NewCheckIn,
    place_report,
)
from recovery_service.domain.content import Content
from recovery_service.domain.local_time import local_date
from recovery_service.errors import ClientIdReused, Invalid
from recovery_service.models import CheckIn, Episode
from recovery_service.services.alerting import Ask
from recovery_service.services.check_in_credit import DAY_OF, EXERCISE, LOCK_DAY, credit_day
from recovery_service.services.check_in_judgement import (
    Verdict,
    judge,
    report_of,
    told_before,
)
from recovery_service.services.check_in_statement import HISTORY, RECORD, Outcome
from recovery_service.services.check_in_views import as_json, said, shown

_DAY = timedelta(days=1)

# One report of a patient at a time: of two, the second is judged with the first.
TURN = "SELECT pg_advisory_xact_lock(%(turn)s)"
TURNS = 2**63

Trips = Callable[[UUID, int], AbstractContextManager[Ask]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Whose report it is, and through whom it came; `episode_id` None: by its date.

    `clock_ahead` is by how much the device's clock is off, where that is too much to believe.
    """

    clinic_id: UUID
    patient_id: UUID
    home_zone: str
    episode_id: UUID | None = None
    entered_by: UUID | None = None
    device_id: UUID | None = None
    clock_ahead: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A stored report as it is shown, what it led to, and what the phone knew already.

    `said` are the answers; `outcome` is the episode and its site; `repeated` says that the
    report had been stored before.
    """

    check_in: dict[str, Any]
    said: Mapping[str, Any]
    outcome: Outcome
    verdict: Verdict
    repeated: bool = False


def record_check_in(
    trips: Trips,
    transaction: Callable[[], Any],
    content: Content,
    reporter: Reporter,
    new: NewCheckIn,
    *,
    now: datetime,
) -> Recorded:
    """Store a report, and judge it; the phone's id makes a retry harmless.

    Never refused for the clock, its age, the form's version, the state of plan or
    episode, or an unknown item: what is odd is kept as `issues`. `trips` begins a
    transaction of few round trips. Raises Invalid (an answer that its item cannot have),
    ClientIdReused, NoSuchObject (a patient without an episode).
    """
    new, values = _read(content, reporter, new, now=now)
    with trips(reporter.clinic_id, values["turn"]) as ask:
        recorded, outcome, history = _recorded(ask, content, reporter, new, values, now=now)
    if recorded is not None:
        return recorded
    with transaction() as session:
        return _repeated(session, outcome, history, content, reporter, new, now=now)


def record_among_others(
    session: Session, content: Content, reporter: Reporter, new: NewCheckIn, *, now: datetime
) -> Recorded:
    """Store and judge a report within a transaction that has the patient's turn (`take_turn`).

    As `record_check_in` does, and with what it raises; what of it failed is the caller's to undo.
    """
    new, values = _read(content, reporter, new, now=now)
    recorded, outcome, history = _recorded(asking(session), content, reporter, new, values, now=now)
    if recorded is not None:
        return recorded
    return _repeated(session, outcome, history, content, reporter, new, now=now)


def take_turn(session: Session, patient_id: UUID) -> None:
    """Let nobody else report for the patient until the transaction ends."""
    session.connection().exec_driver_sql(TURN, {"turn": patient_id.int % TURNS})


def _recorded(
    ask: Ask, content: Content, reporter: Reporter, new: NewCheckIn, values: dict[str, Any],
    *, now: datetime,
) -> tuple[Recorded | None, Outcome, Sequence[Any]]:  # fmt: skip
    """Store a report with what it completes, and judge it; None where it was stored before."""
    outcome, history, held = _store(ask, values)
    if not outcome.stored:
        return None, outcome, history
    if held:
        done = new.answers["sessions_done"] if values["sessions"] else 0
        credit_day(ask, held, values, day=values["date"], sessions=done)
    judged = _judged(ask, content, reporter, new, values, outcome, history, now=now)
    return judged, outcome, history


def _store(ask: Ask, values: Mapping[str, Any]) -> tuple[Outcome, Sequence[Any], Sequence[Any]]:
    """Store a report; return what came of it, its history, and what of its day is held.

    Nothing is held where the report closes only what is a row already.
    """
    if not values["sessions"]:
        rows, history = ask((RECORD, values), (HISTORY, values))
        outcome = Outcome.of(rows)
        if not outcome.more:
            return outcome, history, ()
    still = {**values, "locked": True}
    _, rows, history, held = ask(
        (LOCK_DAY, still), (RECORD, still), (HISTORY, still), (DAY_OF, still)
    )
    return Outcome.of(rows), history, held


def _judged(
    ask: Ask, content: Content, reporter: Reporter, new: NewCheckIn, values: dict[str, Any],
    outcome: Outcome, history: Sequence[Any], *, now: datetime,
) -> Recorded:  # fmt: skip
    report = report_of(
        outcome.episode_id, values["date"], values, new.answers, outcome.issues or []
    )
    verdict = judge(ask, content, outcome, history, values, report, now=now)
    told = shown(outcome, reporter.entered_by, values)
    return Recorded(check_in=told, said=new.answers, outcome=outcome, verdict=verdict)


def _read(
    content: Content, reporter: Reporter, new: NewCheckIn, *, now: datetime
) -> tuple[NewCheckIn, dict[str, Any]]:
    """Return the report with its answers as they are kept, and the statement's parameters."""
    checked = check_answers(content.check_ins, new.answers)
    if checked.errors:
        raise Invalid(errors=checked.errors)
    new = replace(new, answers={**new.answers, **checked.known})
    dated = place_report(
        new, received_at=now, home_zone=reporter.home_zone, ahead=reporter.clock_ahead
    )
    issues = [*dated.issues, *checked.issues]
    if new.form_version != content.check_ins.form_version:
        issues.append({"code": UNKNOWN_FORM_VERSION})
    course = {"course_items": content.red_flags.course_items}
    return new, _values(reporter, new, dated, issues, now=now) | course


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
        "today": local_date(dated.time_zone, now),
        "turn": reporter.patient_id.int % TURNS,
        "device_verdict": orjson.dumps(new.verdict).decode() if new.verdict else None,
    }


def asking(session: Session) -> Ask:
    """Return what runs statements as `few_trips` does, within a session's transaction.

    The transaction has begun with a statement of the session's: that one set the clinic.
    """
    driver: psycopg.Connection[Any] = session.connection().connection.driver_connection  # type: ignore[assignment]

    def ask(*steps: tuple[str, Mapping[str, Any]]) -> list[list[Any]]:
        with driver.pipeline():
            cursors = [driver.execute(sql, values, prepare=True) for sql, values in steps]
        return [cursor.fetchall() if cursor.description else [] for cursor in cursors]

    return ask


def _repeated(
    session: Session, outcome: Outcome, history: Sequence[Any], content: Content,
    reporter: Reporter, new: NewCheckIn, *, now: datetime,
) -> Recorded:  # fmt: skip
    """Return what is stored under the id if it says the same; raises ClientIdReused."""
    row = session.get_one(CheckIn, (reporter.clinic_id, new.id))
    episode = session.get_one(Episode, (reporter.clinic_id, row.episode_id))
    if episode.patient_id != reporter.patient_id:
        raise ClientIdReused("check-in", new.id, None)
    stored = as_json(row)
    if said(row) != new or reporter.episode_id not in (None, row.episode_id):
        raise ClientIdReused("check-in", new.id, stored)
    verdict = told_before(session, content, outcome, history, row, now=now)
    return Recorded(
        check_in=stored, said=row.answers, outcome=outcome, verdict=verdict, repeated=True
    )
