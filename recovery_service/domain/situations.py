"""What is known of one patient on one day, as far as it may ask for somebody's attention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from recovery_service.domain.pain_trends import PainTrend
from recovery_service.domain.phase_attention import PhaseWait


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """A follow-up that is still to be booked; its window holds local dates."""

    title: Mapping[str, str]
    window_from: date
    window_to: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """An appointment that asks for somebody: `code` is the reason, `on` a local date.

    It is the date of the appointment or, where that is not known, of the patient's word.
    """

    code: str
    title: Mapping[str, str]
    on: date


class Unread(NamedTuple):
    """What of the patient's messages nobody has read: how many, and since which local date."""

    many: int
    since: date


class Unresolved(NamedTuple):
    """An alert that is not resolved; `overdue`: nobody looked at it in time."""

    rule: str
    tier: str
    state: str
    overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known of one patient on one local day (`today`).

    `expected_missed` counts the check-ins that were expected since the last one and did
    not come; `calls` are the dates of those for which somebody without a smartphone is to be
    called, from the day itself on. `done` of `due` are the exercises of 7 days. `warnings`
    are safety items of the latest check-in with their answers, of this week only. `nudged`
    counts what of yesterday and today was spoken of twice and still not answered, `unfilled`
    the questionnaires that were asked for twice and are open or missed. `behind` are pain
    items above their expected course, as `recovery_status` judges. `rejected` counts reports
    that could not be stored as check-ins and that nobody has looked at.
    """

    today: date
    episode_state: str
    published: bool
    draft: bool
    contact_mode: str
    discharge_date: date
    enrolled: bool
    reachable: bool
    last_check_in: date | None = None
    expected_missed: int = 0
    calls: Sequence[date] = ()
    pain: Sequence[PainTrend] = ()
    behind: Sequence[str] = ()
    warnings: Sequence[tuple[str, Any]] = ()
    done: int = 0
    due: int = 0
    follow_ups: Sequence[FollowUp] = ()
    visits: Sequence[Visit] = ()
    nudged: int = 0
    unfilled: int = 0
    alerts: Sequence[Unresolved] = ()
    unread: Unread | None = None
    phase: PhaseWait | None = None
    rejected: int = 0
