"""Which reminders may interrupt a patient now: one pure decision for all of a moment.

A reminder that falls due is never pushed for its own sake. What is due together is one
push; a day has so many of them; what matters more is still to come today keeps its place;
and who does the exercises anyway, or leaves posture nudges unanswered, hears less. Each
verdict has a reason that a person can be told.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from recovery_service.domain.local_time import instant, zone
from recovery_service.domain.quiet_hours import quiet_until
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.domain.reminder_policy import Policy

QUIET_HOURS = "quiet_hours"
OVER_BUDGET = "over_budget"
BREAK_CAP = "break_cap"
TAPERED = "tapered"
BACKED_OFF = "backed_off"
PAUSED = "paused"
BUNDLED = "bundled"
APPOINTMENT = "appointment"

_WEEK = 7


class Candidate(NamedTuple):
    """One reminder that is due, whatever the number of devices it goes to.

    `once`: it happens once, and waits where a habit is dropped. `rest`: a sitting break.
    `granted`: an earlier decision let it go, and only the provider was not ready.
    """

    key: Hashable
    kind: str
    priority: int
    quiet: str
    cause: str
    once: bool
    rest: bool
    due_at: datetime
    expires_at: datetime
    granted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What is known of a patient's day at a moment.

    `day` is the whole local days since surgery. `pushes` and `breaks` went out today.
    `carries_until`: a push that goes or went out speaks for what falls due until then.
    `ahead` are reminders still to come today, (due, priority). `adherence` is the share of
    the exercises of seven days and `exercises` how many there were; `ignored` is how many
    posture reminders in a row had no answer. `paused_until` ends the patient's own pause.
    """

    zone: str
    day: int
    pushes: int = 0
    breaks: int = 0
    carries_until: datetime | None = None
    ahead: Sequence[tuple[datetime, int]] = ()
    adherence: float = 0.0
    exercises: int = 0
    ignored: int = 0
    paused_until: datetime | None = None


class Send(NamedTuple):
    """It goes out now. `joins` an earlier push that speaks for it, or is part of this one."""

    joins: bool = False


class Drop(NamedTuple):
    """It never goes out; `nudge` says that it is to be spoken of when it is overdue."""

    reason: str
    nudge: bool = False


class Wait(NamedTuple):
    """Not before an instant."""

    until: datetime
    reason: str


Verdict: TypeAlias = Send | Drop | Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of each candidate, and what it costs the day.

    `leads` is the key of the one whose line the new push shows, None where there is none;
    `carries` is how many reminders it stands for, those of the next minutes included.
    """

    verdicts: Mapping[Hashable, Verdict]
    leads: Hashable | None = None
    carries: int = 0
    pushes: int = 0
    breaks: int = 0


@dataclass
class _Moment:
    policy: Policy
    day: Day
    now: datetime
    verdicts: dict[Hashable, Verdict] = field(default_factory=dict)

    def settle(self, each: Candidate, verdict: Verdict) -> None:
        self.verdicts[each.key] = verdict


def decide(policy: Policy, day: Day, candidates: Sequence[Candidate], *, now: datetime) -> Decision:
    """Return what becomes of all that one patient has due now."""
    moment = _Moment(policy, day, now)
    left = [each for each in candidates if not _settled_by_time(moment, each)]
    left = [each for each in left if not _settled_by_habit(moment, each)]
    free = [each for each in left if _is_free(each)]
    for each in free:
        moment.settle(each, Send())
    counted = [each for each in left if not _is_free(each)]
    if moment.day.carries_until is not None and now <= moment.day.carries_until:
        for each in counted:
            moment.settle(each, Send(joins=True))
        return _decision(moment, free, [])
    breaks = [each for each in counted if each.rest]
    habits = [each for each in counted if not each.rest]
    # Nothing rides with a second try: that is a message of its own, as it was before.
    company = any(not each.granted for each in (*free, *breaks))
    going = _within_budget(moment, habits, company=company)
    for each in breaks:
        moment.settle(each, Send())
    return _decision(moment, free, going + breaks)


def _decision(moment: _Moment, free: Sequence[Candidate], counted: Sequence[Candidate]) -> Decision:
    going = [*free, *counted]
    new = [each for each in going if not each.granted]
    if not new:
        return Decision(verdicts=moment.verdicts)
    lead = min(new, key=lambda each: (each.priority, each.due_at))
    paid = all(each.granted for each in free) and any(not each.rest for each in counted)
    soon = sum(due <= moment.now + moment.policy.bundle_span for due, _ in moment.day.ahead)
    return Decision(
        verdicts=moment.verdicts,
        leads=lead.key,
        carries=len(new) + soon,
        pushes=int(paid),
        breaks=int(any(_is_posture(each) for each in new)),
    )


def _settled_by_time(moment: _Moment, each: Candidate) -> bool:
    """Keep the patient's pause and quiet hours; a snooze is the patient's own wish."""
    verdict = while_paused(each, moment.day.paused_until) or _quiet(moment, each)
    if verdict is not None:
        moment.settle(each, verdict)
    return verdict is not None


def while_paused(each: Candidate, until: datetime | None) -> Verdict | None:
    """Return what a pause until an instant makes of a reminder, of any channel."""
    if until is None or each.kind == APPOINTMENT:
        return None
    return _later(each, until, PAUSED) if each.once else Drop(PAUSED)


def _quiet(moment: _Moment, each: Candidate) -> Verdict | None:
    if each.cause == "snooze" or each.quiet == "ignore":
        return None
    until = quiet_until(moment.policy.quiet_hours, moment.day.zone, moment.now)
    if until is None:
        return None
    if each.kind == APPOINTMENT and until >= each.expires_at:
        return None  # better at night than never
    if each.quiet == "drop" or each.cause == "nudge":
        return Drop(QUIET_HOURS)
    return _later(each, until, QUIET_HOURS)


def _later(each: Candidate, until: datetime, reason: str) -> Verdict:
    return Wait(until, reason) if until < each.expires_at else Drop(reason)


def _settled_by_habit(moment: _Moment, each: Candidate) -> bool:
    """Say less to who needs it less: exercises that get done, posture left unanswered."""
    if each.granted or each.cause in {"snooze", "failover"}:
        return False
    verdict = _tapered(moment, each) or _backed_off(moment, each) or _capped(moment, each)
    if verdict is not None:
        moment.settle(each, verdict)
    return verdict is not None


def _tapered(moment: _Moment, each: Candidate) -> Verdict | None:
    policy, day = moment.policy, moment.day
    kind = REMINDER_KINDS.get(each.kind)
    if each.cause == "nudge" or kind is None or kind.counts != "exercise":
        return None
    reliable = day.exercises >= policy.taper_least and day.adherence >= policy.taper_from
    can_nudge = nudge_at(policy, each.due_at, each.expires_at) is not None
    return Drop(TAPERED, nudge=True) if reliable and can_nudge else None


def nudge_at(
    policy: Policy, since: datetime, expires_at: datetime, after: timedelta | None = None
) -> datetime | None:
    """Return when something that was said, or held back, `since` is spoken of once more."""
    again = since + (after or timedelta(minutes=policy.nudge_after))
    return again if again < expires_at else None


def _backed_off(moment: _Moment, each: Candidate) -> Verdict | None:
    if not _is_posture(each):
        return None
    patience, ignored = moment.policy.back_off_after, moment.day.ignored
    if ignored >= 2 * patience:
        today = moment.now.astimezone(zone(moment.day.zone)).toordinal()
        return Drop(BACKED_OFF) if moment.day.breaks or today % _WEEK else None
    return Drop(BACKED_OFF) if ignored >= patience and moment.day.breaks else None


def _capped(moment: _Moment, each: Candidate) -> Verdict | None:
    over = each.rest and moment.day.breaks >= moment.policy.breaks
    return Drop(BREAK_CAP) if over else None


def _is_posture(each: Candidate) -> bool:
    kind = REMINDER_KINDS.get(each.kind)
    return kind is not None and kind.counts == "posture"


def _is_free(each: Candidate) -> bool:
    """Tell what is outside the budget: appointments, a snooze, a second way, a second try."""
    return each.granted or each.kind == APPOINTMENT or each.cause in {"snooze", "failover"}


def _within_budget(
    moment: _Moment, habits: Sequence[Candidate], *, company: bool
) -> list[Candidate]:
    """Settle what counts against the budget; return what of it goes."""
    if not habits:
        return []
    best = min(each.priority for each in habits)
    left = moment.policy.pushes_on(moment.day.day) - moment.day.pushes
    if company or left > _promised(moment, best):
        for each in habits:
            moment.settle(each, Send())
        return list(habits)
    for each in habits:
        moment.settle(each, _over_budget(moment, each))
    return []


def _over_budget(moment: _Moment, each: Candidate) -> Verdict:
    """Drop a habit; what happens once waits for its time tomorrow."""
    if not each.once:
        return Drop(OVER_BUDGET)
    tz = zone(moment.day.zone)
    local, today = each.due_at.astimezone(tz), moment.now.astimezone(tz).toordinal()
    minute = local.hour * 60 + local.minute
    tomorrow = instant(moment.day.zone, today + 1, minute) or moment.now + timedelta(days=1)
    return _later(each, tomorrow, OVER_BUDGET)


def _promised(moment: _Moment, priority: int) -> int:
    """Return how many pushes of what matters more are still to come today.

    What falls due before this push's span is over would ride with it.
    """
    span = moment.policy.bundle_span
    return sum(best < priority for best in _bundles(moment.day.ahead, span, since=moment.now))


def _bundles(
    ahead: Iterable[tuple[datetime, int]], span: timedelta, *, since: datetime
) -> list[int]:
    """Return the best priority of each bundle that what lies ahead will make."""
    found: list[int] = []
    ends = since + span
    for due, priority in sorted(ahead):
        if due <= since + span:
            continue
        if found and due <= ends:
            found[-1] = min(found[-1], priority)
        else:
            found.append(priority)
            ends = due + span
    return found
