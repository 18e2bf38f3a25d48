"""When a questionnaire is due: time points of the plan template, counted from surgery."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from recovery_service.domain.plan_template_parts import QuestionnaireTime
from recovery_service.domain.recurrence_rules import Rule
from recovery_service.domain.reminder_kinds import REMINDER_KINDS

BASELINE_DAY = 0
QUESTIONNAIRE = "questionnaire"

_DAY_MINUTES = 24 * 60
_ASKED_AT, _ENDS_AT = 10 * 60, 23 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePoint:
    """One time point of an episode, in local dates; the window is inclusive at both ends."""

    code: str
    day: int
    target: date
    opens: date
    closes: date

    def holds(self, day: date) -> bool:
        """Say whether the day lies in the window."""
        return self.opens <= day <= self.closes


def time_points(
    times: Iterable[QuestionnaireTime], *, surgery: date | None, earliest_day: int
) -> tuple[TimePoint, ...]:
    """Return the time points of an instrument in order; none while the surgery date is unknown.

    The baseline is of the time before the operation, so that its window ends on that day. A
    window opens no earlier than the instrument says anything.
    """
    if surgery is None:
        return ()
    found = []
    for one in sorted(times, key=lambda time: time.target_day):
        first, last = one.window_from, one.window_to
        if one.target_day <= BASELINE_DAY:
            last = min(last, BASELINE_DAY)
        else:
            first = max(first, earliest_day)
        if first <= last:
            found.append(
                TimePoint(
                    code=one.code,
                    day=one.target_day,
                    target=surgery + timedelta(days=one.target_day),
                    opens=surgery + timedelta(days=first),
                    closes=surgery + timedelta(days=last),
                )
            )
    return tuple(found)


def rule_of(target_day: int, to_day: int) -> Rule:
    """Return when a time point speaks: at ten on its day, and it matters while its window is open.

    It ends an hour before the window's last day does, so that a change of the clocks does not
    carry it into the next.
    """
    kind = REMINDER_KINDS[QUESTIONNAIRE]
    return Rule(
        anchor="surgery",
        from_day=target_day,
        to_day=target_day,
        every=1,
        slots=(("day", _ASKED_AT),),
        valid_for=(to_day - target_day) * _DAY_MINUTES + _ENDS_AT - _ASKED_AT,
        identity=kind.identity,
        quiet=kind.quiet,
        priority=kind.priority,
    )


def time_point_on(points: Iterable[TimePoint], day: date) -> TimePoint | None:
    """Return the time point whose window holds the day, the nearest of several."""
    holding = [one for one in points if one.holds(day)]
    return min(holding, key=lambda one: abs((one.target - day).days), default=None)


def due_on(points: Iterable[TimePoint], day: date, answered: Container[str]) -> TimePoint | None:
    """Return what is due on a day, None where it was answered or no window is open."""
    point = time_point_on(points, day)
    return None if point is None or point.code in answered else point


def next_after(points: Iterable[TimePoint], day: date) -> TimePoint | None:
    """Return the first time point whose window opens after the day."""
    return next((one for one in points if one.opens > day), None)
