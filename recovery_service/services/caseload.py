"""The caseload: a clinic's patients by need, with the reasons in words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.adherence import UNANSWERED, Adherence, Outcome, adherence
from recovery_service.domain.attention import (
    Reason,
    is_warning_sign,
    need,
    needs_a_look,
    ranking_key,
    reasons_for_attention,
)
from recovery_service.domain.check_in_items import Catalogue
from recovery_service.domain.content import Content
from recovery_service.domain.episodes import plan_state
from recovery_service.domain.local_time import local_date, zone
from recovery_service.domain.pain_trends import WEEK, PainTrend, pain_items, pain_trend
from recovery_service.domain.recovery_day import RecoveryDay
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.domain.situations import FollowUp, Situation, Unresolved
from recovery_service.services import audit
from recovery_service.services.call_tasks import Expecting, check_ins_due
from recovery_service.services.caseload_rows import CaseloadRow, statement
from recovery_service.services.caseload_visits import Booked, booked, follow_up, visit
from recovery_service.services.phase_facts import phase_wait
from recovery_service.services.progress import pause_of
from recovery_service.services.recovery_standing import behind_items

Sort = Literal["attention", "name", "newest"]
SORTS = ("attention", "name", "newest")
STATES: Mapping[str, tuple[str, ...]] = {
    "current": ("open", "on_hold"),
    "open": ("open",),
    "on_hold": ("on_hold",),
    "ended": ("ended",),
    "all": ("open", "on_hold", "ended"),
}

NUDGED = [name for name, kind in REMINDER_KINDS.items() if kind.nudged]
EXERCISE = [name for name, kind in REMINDER_KINDS.items() if kind.counts == "exercise"]

#: A questionnaire was asked for and asked for again; only then it is somebody's to see.
UNFILLED_AFTER = timedelta(days=4)
_SILENCE_REACH = timedelta(days=21)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which part of the caseload is asked for, and after which row the page begins.

    `as_of` is the instant that a ranking is computed for; `after` is the sort key of
    the last row seen: `(score, name, id)`, `(name, id)` or `(created_at, id)`.
    """

    as_of: datetime
    sort: Sort = "attention"
    search: str = ""
    status: str = "current"
    limit: int = 50
    after: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseloadEntry:
    """One patient of the caseload, as they stand on their own calendar."""

    id: UUID
    name: str
    time_zone: str
    contact_mode: str
    created_at: datetime
    episode_id: UUID
    procedure: str
    episode_state: str
    plan_state: str
    day: RecoveryDay
    reasons: Sequence[Reason]
    last_check_in: date | None
    pain: PainTrend
    pain_days: Sequence[tuple[date, float]]
    exercise: Adherence
    booked: Booked | None
    follow_ups: Sequence[FollowUp]

    @property
    def score(self) -> int:
        """Return what the ranking goes by."""
        return need(self.reasons)


def read_caseload(
    session: Session, actor: Actor, content: Content, wish: Wish, *, now: datetime
) -> list[CaseloadEntry]:
    """Return up to `limit + 1` entries and leave one line in the audit trail."""
    audit.record(session, actor, "caseload_read", "caseload", None, now=now)
    return caseload(session, actor.clinic_id, content, wish)


def caseload(
    session: Session, clinic_id: UUID, content: Content, wish: Wish
) -> list[CaseloadEntry]:
    """Return up to `limit + 1` entries in the order asked for, by one statement.

    Where somebody has no smartphone a second one says whom to call.
    A ranking looks at all patients of the status; the other orders at one page.
    """
    found = session.connection().exec_driver_sql(
        statement(wish.sort, with_ended="ended" in STATES[wish.status]), _values(clinic_id, wish)
    )
    rows = [CaseloadRow._make(row) for row in found]
    calls = check_ins_due(session, clinic_id, list(_to_be_called(rows, wish.as_of)))
    entries = [_entry(row, content, wish.as_of, calls.get(row.episode_id, ())) for row in rows]
    if wish.sort != "attention":
        return entries
    entries.sort(key=_place)
    if wish.after is not None:
        score, name, patient_id = wish.after
        behind = ranking_key(score, name, patient_id)
        entries = [entry for entry in entries if _place(entry) > behind]
    return entries[: wish.limit + 1]


def _to_be_called(rows: Iterable[CaseloadRow], now: datetime) -> Iterator[Expecting]:
    """Yield the patients whom the clinic calls, each up to today on their own calendar."""
    for row in rows:
        if row.contact_mode == "phone" and row.state == "open":
            answered = row.last_date or row.discharge_date - _DAY
            today, pause = local_date(row.time_zone, now), row.preferences.get("pause")
            yield Expecting(row.id, row.episode_id, answered, today, pause)


def _place(entry: CaseloadEntry) -> tuple[int, str, str]:
    return ranking_key(entry.score, entry.name, entry.id)


def _values(clinic_id: UUID, wish: Wish) -> dict[str, Any]:
    today = wish.as_of.astimezone(UTC).date()
    search = wish.search.strip()
    values = {
        "clinic_id": clinic_id,
        "states": list(STATES[wish.status]),
        "search": search,
        "pattern": _pattern(search) if search else None,
        "limit": wish.limit + 1,
        "now": wish.as_of,
        "today": today,
        "counted": EXERCISE,
        "unanswered": list(UNANSWERED),
        "nudged": NUDGED,
        "nudged_from": f"{today - 2 * _DAY:%Y%m%d}",
        "week_from": f"{today - WEEK - _DAY:%Y%m%d}",
        "month_from": f"{today - 4 * WEEK - _DAY:%Y%m%d}",
        "silence_from": f"{today - _SILENCE_REACH:%Y%m%d}",
        "until": f"{today + 2 * _DAY:%Y%m%d}",
        "after_name": None,
        "after_at": None,
        "after_id": None,
    }
    if wish.after is not None and wish.sort == "name":
        values["after_name"], values["after_id"] = wish.after
    if wish.after is not None and wish.sort == "newest":
        values["after_at"], values["after_id"] = wish.after
    return values


def _pattern(search: str) -> str:
    """Return a pattern for what is contained; what was typed has no wildcards."""
    for special in ("\\", "%", "_"):
        search = search.replace(special, f"\\{special}")
    return f"%{search}%"


def _entry(row: CaseloadRow, content: Content, now: datetime, calls: Sequence[date]
) -> CaseloadEntry:  # fmt: skip
    today = local_date(row.time_zone, now)
    series, trends = _pain(row, today)
    exercise, follow_ups = _exercise(row, today), [follow_up(each) for each in row.to_book or ()]
    situation = Situation(
        today=today,
        episode_state=row.state,
        published=row.published,
        draft=row.draft,
        contact_mode=row.contact_mode,
        discharge_date=row.discharge_date,
        enrolled=row.enrolled,
        reachable=row.reachable,
        last_check_in=row.last_date,
        expected_missed=len(row.unanswered or ()),
        calls=calls,
        pain=trends,
        behind=behind_items(content, row, {one: dict(series[one]) for one in series}, today),
        warnings=_warnings(row, content.check_ins, today),
        alerts=[Unresolved(*each) for each in row.alerts or ()],
        unread=row.unread,
        rejected=row.rejected,
        done=exercise.done,
        due=exercise.due,
        follow_ups=follow_ups,
        visits=[visit(each, row.time_zone) for each in row.visits or ()],
        unfilled=sum(_day(day) <= today - UNFILLED_AFTER for day in row.unfilled or ()),
        phase=phase_wait(row, pause=pause_of(row), today=today),
        nudged=sum(_day(day) >= today - _DAY for day in row.nudged or ()),
    )
    return CaseloadEntry(
        id=row.id,
        name=row.name,
        time_zone=row.time_zone,
        contact_mode=row.contact_mode,
        created_at=row.created_at,
        episode_id=row.episode_id,
        procedure=row.procedure,
        episode_state=row.state,
        plan_state=plan_state(row.state, published=row.published),
        day=_recovery_day(row, now),
        reasons=reasons_for_attention(situation),
        last_check_in=row.last_date,
        pain=trends[0],
        pain_days=[pair for pair in series[trends[0].item] if pair[0] > today - 2 * WEEK],
        exercise=exercise,
        booked=booked(row),
        follow_ups=[each for each in follow_ups if each.window_from <= today],
    )


def _recovery_day(row: CaseloadRow, now: datetime) -> RecoveryDay:
    surgery, discharge = row.surgery_date, row.discharge_date
    return RecoveryDay.of(surgery=surgery, discharge=discharge, now=now, zone=zone(row.time_zone))


def _pain(
    row: CaseloadRow, today: date
) -> tuple[dict[str, list[tuple[date, float]]], list[PainTrend]]:
    series = {item: _pain_days(row, item) for item in pain_items(row.procedure)}
    return series, [pain_trend(item, days, today=today) for item, days in series.items()]


def _pain_days(row: CaseloadRow, item: str) -> list[tuple[date, float]]:
    days = [
        (_day(day), float(answers[item]))
        for day, answers in row.pain or ()
        if type(answers[item]) in (int, float)
    ]
    return sorted(days)


def _exercise(row: CaseloadRow, today: date) -> Adherence:
    outcomes = [
        Outcome(kind=kind, local_date=_day(day), state=state, reason=reason, count=count)
        for kind, day, state, reason, count in row.exercise or ()
    ]
    since = today - WEEK + _DAY
    return adherence(outcomes, "exercise", since=since, until=today, pause=pause_of(row))


def _warnings(row: CaseloadRow, catalogue: Catalogue, today: date) -> list[tuple[str, Any]]:
    """Return the answers to safety questions that are worth a look, of the latest check-in."""
    if row.last_date is None or row.last_date <= today - WEEK:
        return []
    return [
        (name, answer)
        for name, answer in (row.last_answers or {}).items()
        if is_warning_sign(catalogue.items.get(name)) and needs_a_look(answer)
    ]


def _day(text: str) -> date:
    return date.fromisoformat(text)
