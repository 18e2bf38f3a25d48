"""What a finding does to the alerts of its episode, as a pure rule.

At most one alert of a rule is unresolved. A finding attaches to it; after resolution only
worsening, or the rule's silence, raises the rule again. An emergency is never passed over:
it asks for a new look also where its alert has been seen.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from recovery_service.domain.red_flag_rules import EMERGENCY, TIERS


class AlertState(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


#: Why an alert was closed. `episode_ended` is the service's own word.
RESOLUTIONS = (
    "advised",
    "seen_in_clinic",
    "sent_to_emergency",
    "plan_changed",
    "no_action_needed",
    "not_reached",
    "entered_in_error",
)
EPISODE_ENDED = "episode_ended"

#: Those that say that nothing came of it.
_NOTHING_DONE = ("no_action_needed", "entered_in_error", EPISODE_ENDED)

#: What a patient may answer to an advice.
RESPONSES = ("seen", "called", "going", "cannot_call", "better")


class LastAlert(NamedTuple):
    """The unresolved alert of a rule, else its latest."""

    id: UUID
    rule_id: str
    tier: str
    state: str
    respond_by: datetime | None
    resolved_at: datetime | None


class Step(StrEnum):
    """What becomes of a finding."""

    RAISED = "raised"  # a new alert
    WORSENED = "worsened"  # the unresolved one, at a stricter tier, is open again
    FOUND_AGAIN = "found_again"  # it attaches and changes nothing
    REOPENED = "reopened"  # it attaches to one that was seen, and asks for a new look


@dataclass(frozen=True, slots=True, kw_only=True)
class Raising:
    """A step and the alert that it concerns; None where a new one is made."""

    step: Step
    alert: LastAlert | None

    @property
    def asks(self) -> bool:
        """Say whether somebody has to look anew."""
        return self.step is not Step.FOUND_AGAIN


def raising(tier: str, silence_days: int, last: LastAlert | None, *, now: datetime) -> Raising:
    """Return what a new finding of a rule does, given the rule's last alert in the episode."""
    if last is None:
        return Raising(step=Step.RAISED, alert=None)
    worse = TIERS.index(tier) < TIERS.index(last.tier)
    if last.state == AlertState.RESOLVED:
        silent_until = (last.resolved_at or now) + timedelta(days=silence_days)
        loud = tier == EMERGENCY or worse or now >= silent_until
        return Raising(step=Step.RAISED if loud else Step.FOUND_AGAIN, alert=None if loud else last)
    if worse:
        return Raising(step=Step.WORSENED, alert=last)
    seen = last.state == AlertState.ACKNOWLEDGED
    again = Step.REOPENED if seen and tier == EMERGENCY else Step.FOUND_AGAIN
    return Raising(step=again, alert=last)


def strictest(one: str, other: str) -> str:
    """Return the more pressing of two tiers."""
    return min(one, other, key=TIERS.index)


def acted_on(resolution: str | None) -> bool | None:
    """Say whether staff did something because of an alert; None while it is unresolved."""
    return None if resolution is None else resolution not in _NOTHING_DONE
