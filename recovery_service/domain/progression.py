"""In which phase a recovery is: by its day, and never past one that waits for a clinician.

A phase that has a gate (`advance: clinician`) begins on its day at the earliest, and not
before a clinician has accepted it. Until then the phase before it holds: what it asks for
goes on, the restrictions of its last day stay, and nothing of what is behind the gate is
scheduled. So nothing has to happen at any moment for nothing to happen: an accepting
clinician re-plans, the clock does not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recovery_service.domain.plan_template_parts import BY_CLINICIAN
from recovery_service.domain.recurrence_rules import Rule

ACCEPT, DEFER = "accept", "defer"
DECISIONS = (ACCEPT, DEFER)

Stored = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progression:
    """Phases in order, as a revision stores them, and the last decision on each of them.

    A decision names a phase by its code, so it stands through revisions of the plan; one
    on a phase that the plan no longer has says nothing.
    """

    phases: Sequence[Stored]
    decisions: Mapping[str, str]

    @property
    def waiting(self) -> Stored | None:
        """The first phase that no clinician has let begin, None where none waits."""
        return next((each for each in self.phases if self._waits(each)), None)

    @property
    def holding(self) -> Stored | None:
        """The phase before the waiting one: it goes on until that is accepted."""
        waiting = self.waiting
        return None if waiting is None else self.phases[self.phases.index(waiting) - 1]

    def is_held(self, day: int | None) -> bool:
        """Say whether the day of the waiting phase has come, and it has not begun."""
        waiting = self.waiting
        return waiting is not None and day is not None and day >= waiting["from_day"]

    def on(self, day: int | None) -> Stored | None:
        """Return the phase that holds on a day since surgery, None before and after all."""
        if day is None:
            return None
        if self.is_held(day):
            return self.holding
        return next(
            (each for each in self.phases if each["from_day"] <= day <= each["to_day"]), None
        )

    def day_held(self, day: int) -> int:
        """Return the day by whose restrictions the patient lives: none is lifted behind a gate."""
        waiting = self.waiting
        return day if waiting is None else min(day, waiting["from_day"] - 1)

    def is_behind(self, code: str | None) -> bool:
        """Say whether a phase is the waiting one or comes after it."""
        waiting = self.waiting
        if waiting is None or code is None:
            return False
        codes = [each["code"] for each in self.phases]
        return code in codes[codes.index(waiting["code"]) :]

    def followed(self, rule: Rule, code: str | None) -> Rule:
        """Return the rule of an item of a phase as it is followed until the gate opens.

        What the holding phase asks for to its end goes on beyond it.
        """
        holding = self.holding
        ends = rule.anchor == "surgery" and rule.identity == "recurring"
        if holding is None or code != holding["code"] or not ends:
            return rule
        return replace(rule, to_day=None) if rule.to_day == holding["to_day"] else rule

    def proposed(self, day: int | None) -> Stored | None:
        """Return the phase that a clinician is asked about on this day, if there is one."""
        waiting = self.waiting
        if waiting is None or day is None or day < waiting["decide_from_day"]:
            return None
        return waiting

    def decidable(self, day: int | None) -> tuple[str, ...]:
        """Return the codes on which a decision may be taken on this day.

        The proposed phase, and the last accepted one: what was accepted by mistake is
        taken back by deferring it.
        """
        accepted = [each["code"] for each in self.phases if self._is_accepted(each)]
        proposed = self.proposed(day)
        return tuple(accepted[-1:]) + ((proposed["code"],) if proposed else ())

    def decision_on(self, phase: Stored) -> str | None:
        """Return the last decision on a phase."""
        return self.decisions.get(phase["code"])

    def _waits(self, phase: Stored) -> bool:
        return phase.get("advance") == BY_CLINICIAN and not self._is_accepted(phase)

    def _is_accepted(self, phase: Stored) -> bool:
        gated = phase.get("advance") == BY_CLINICIAN
        return gated and self.decisions.get(phase["code"]) == ACCEPT


def are_gated(phases: Iterable[Stored]) -> bool:
    """Say whether any phase waits for a clinician: only then do decisions matter."""
    return any(each.get("advance") == BY_CLINICIAN for each in phases)
