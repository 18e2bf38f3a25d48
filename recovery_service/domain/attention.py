"""Who needs attention, and why: pure rules over what is known of one patient.

Thresholds are conventions (D) with the measurement limits of the sources behind them;
they order a list for a clinician and never decide about treatment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from recovery_service.domain.check_in_items import CheckInItem
from recovery_service.domain.phase_attention import phase_reason
from recovery_service.domain.situations import FollowUp, Situation

#: A week's median that rose by this much is more than most patients notice as a change,
#: and from the second one on more than the scale's own noise (F:issls: 2.7-3.2 and 3.6-3.7).
PAIN_RISE, PAIN_JUMP = 2, 4
PAIN_HIGH = 7
#: Two expected check-ins missed are a silence; below half of the sessions is low (rule ADH1).
SILENT_AFTER = 2
ADHERENCE_LOW, ADHERENCE_LEAST = 0.5, 4

_VISITS = {
    "appointment_change_requested": 45,
    "appointment_outcome_unknown": 30,
    "appointment_booked_elsewhere": 22,
}
#: By tier: while nobody has seen the alert, and afterwards.
_ALERTS = {
    "emergency": (100, 75),
    "same_day": (90, 60),
    "next_business_day": (55, 30),
}
#: Answers to safety questions that need nobody's look. Everything else does: an answer
#: that is new to the catalogue is looked at rather than passed over.
_REASSURING = frozenset(
    {"better", "same", "normal", "none", "ordinary", "dry", "spotting", "healed", "mild"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a patient needs somebody: a code, how pressing it is (0-100), and its facts."""

    code: str
    urgency: int
    facts: Mapping[str, Any] = field(default_factory=dict)


def is_warning_sign(item: CheckInItem | None) -> bool:
    """Tell a question about a warning sign from scales, and from what only follows it up."""
    return (
        item is not None
        and item.safety
        and item.show_if is None
        and item.type in ("boolean", "code")
    )


def needs_a_look(answer: Any) -> bool:
    """Tell whether an answer to a safety question (a boolean or a code) is worth a look."""
    if isinstance(answer, str):
        return answer not in _REASSURING
    return answer is True


def reasons_for_attention(situation: Situation) -> tuple[Reason, ...]:
    """Return the reasons, the most pressing first; an ended recovery has none."""
    if situation.episode_state == "ended":
        return ()
    found = [
        *_alerts(situation),
        *_rejected(situation),
        *_messages(situation),
        *_warnings(situation),
        *_pain(situation),
        *_plan(situation),
        *_phase(situation),
        *_contact(situation),
        *_exercise(situation),
        *_follow_ups(situation),
        *_visits(situation),
    ]
    return tuple(sorted(found, key=lambda reason: (-reason.urgency, reason.code)))


def need(reasons: Sequence[Reason]) -> int:
    """Return one number to rank by: the most pressing reason decides, the others break ties."""
    if not reasons:
        return 0
    first, *others = sorted((reason.urgency for reason in reasons), reverse=True)
    return first * 1000 + min(sum(others), 999)


def ranking_key(score: int, name: str, patient_id: UUID) -> tuple[int, str, str]:
    """Return what the caseload is sorted by: need first, then the name."""
    return (-score, name.casefold(), str(patient_id))


def _alerts(situation: Situation) -> Iterable[Reason]:
    for alert in situation.alerts:
        unseen, seen = _ALERTS[alert.tier]
        state = "overdue" if alert.overdue else alert.state
        yield Reason(
            code="alert",
            urgency=seen if alert.state == "acknowledged" else unseen,
            facts={"rule": alert.rule, "tier": alert.tier, "state": state},
        )


def _messages(situation: Situation) -> Iterable[Reason]:
    """Say that somebody waits to be read; one that waits since yesterday presses more."""
    if (unread := situation.unread) is not None:
        urgency = 52 if unread.since >= situation.today else 68
        facts = {"count": unread.many, "since": unread.since}
        yield Reason(code="message_unread", urgency=urgency, facts=facts)


def _rejected(situation: Situation) -> Iterable[Reason]:
    # Nothing has judged it, so it may hold anything: somebody looks before the day is over.
    if situation.rejected:
        yield Reason(code="report_rejected", urgency=85, facts={"count": situation.rejected})


def _warnings(situation: Situation) -> Iterable[Reason]:
    if situation.alerts:
        return  # whoever looks at the alert sees the answers
    for item, answer in situation.warnings:
        yield Reason(code="warning_answer", urgency=95, facts={"item": item, "answer": answer})


def _pain(situation: Situation) -> Iterable[Reason]:
    for trend in situation.pain:
        if trend.now is None:
            continue
        rise = 0 if trend.before is None else trend.now - trend.before
        facts = {"item": trend.item, "now": trend.now}
        if rise >= PAIN_RISE:
            urgency = 80 if rise >= PAIN_JUMP else 60
            yield Reason(
                code="pain_rising", urgency=urgency, facts=facts | {"before": trend.before}
            )
        elif trend.now >= PAIN_HIGH:
            yield Reason(code="pain_high", urgency=70, facts=facts)
    for item in situation.behind:
        yield Reason(code="behind_expected", urgency=55, facts={"item": item})


def _plan(situation: Situation) -> Iterable[Reason]:
    at_home = situation.discharge_date <= situation.today
    if situation.episode_state == "on_hold":
        yield Reason(code="on_hold", urgency=15)
    if not situation.published:
        yield Reason(
            code="awaiting_clinician",
            urgency=65 if at_home else 40,
            facts={"draft": situation.draft},
        )
    elif situation.draft:
        yield Reason(code="draft_pending", urgency=20)


def _phase(situation: Situation) -> Iterable[Reason]:
    """Say that a clinician is asked about a phase; a plan on hold goes nowhere."""
    if situation.phase is None or situation.episode_state == "on_hold":
        return
    found = phase_reason(situation.phase, situation.today)
    if found is not None:
        code, urgency, facts = found
        yield Reason(code=code, urgency=urgency, facts=facts)


def _contact(situation: Situation) -> Iterable[Reason]:
    """Say what stands between the patient and us; while the plan is held nothing is expected."""
    if situation.episode_state == "on_hold" or situation.discharge_date > situation.today:
        return
    app = situation.contact_mode == "app"
    if app and not situation.enrolled:
        since = {"since": situation.discharge_date}
        yield Reason(code="not_enrolled", urgency=40, facts=since)
        return
    if app and not situation.reachable:
        yield Reason(code="not_reaching", urgency=45)
    if app and situation.expected_missed >= SILENT_AFTER:
        last = situation.last_check_in or situation.discharge_date
        yield Reason(
            code="silent",
            urgency=50 + min(situation.expected_missed, 8),
            facts={"days": (situation.today - last).days, "missed": situation.expected_missed},
        )
    if situation.calls:
        count = len(situation.calls)
        facts = {"since": situation.calls[0], "missed": count}
        yield Reason(code="call_due", urgency=50 + min(count, 8), facts=facts)


def _exercise(situation: Situation) -> Iterable[Reason]:
    if situation.nudged and situation.episode_state != "on_hold":
        # One nudge, and then it is a person's to ask: the machine does not insist.
        yield Reason(code="nudge_unanswered", urgency=32, facts={"count": situation.nudged})
    if situation.unfilled and situation.episode_state != "on_hold":
        facts = {"count": situation.unfilled}
        yield Reason(code="questionnaire_unanswered", urgency=18, facts=facts)
    if situation.episode_state == "on_hold" or situation.due < ADHERENCE_LEAST:
        return
    if situation.done / situation.due < ADHERENCE_LOW:
        facts = {"done": situation.done, "due": situation.due}
        yield Reason(code="low_adherence", urgency=35, facts=facts)


def _follow_ups(situation: Situation) -> Iterable[Reason]:
    """Say in one line what is late and in one what can be booked: the rest is on the page."""
    if situation.episode_state == "on_hold":
        return
    today = situation.today
    ordered = sorted(situation.follow_ups, key=lambda wanted: wanted.window_to)
    late = [wanted for wanted in ordered if wanted.window_to < today]
    open_now = [wanted for wanted in ordered if wanted.window_from <= today <= wanted.window_to]
    if late:
        yield _to_book("follow_up_overdue", 42, late[-1], more=len(late) - 1)
    if open_now:
        yield _to_book("follow_up_to_book", 25, open_now[0], more=len(open_now) - 1)


def _visits(situation: Situation) -> Iterable[Reason]:
    """Say in one line each what was asked for and what is not known; also during a hold."""
    for code, urgency in _VISITS.items():
        ordered = sorted(
            (visit for visit in situation.visits if visit.code == code), key=lambda each: each.on
        )
        if ordered:
            facts = {"title": ordered[0].title, "on": ordered[0].on, "more": len(ordered) - 1}
            yield Reason(code=code, urgency=urgency, facts=facts)


def _to_book(code: str, urgency: int, wanted: FollowUp, *, more: int) -> Reason:
    facts = {"title": wanted.title, "until": wanted.window_to, "more": more}
    return Reason(code=code, urgency=urgency, facts=facts)
