"""What a restriction of one patient does to the rule of an item it holds; pure.

The item keeps its rule in the plan: when the restriction ends, so does what it did.
"""

from dataclasses import replace

from recovery_service.domain.recurrence_rules import Rule


def resting(rule: Rule, until: int | None, *, gap: int) -> Rule | None:
    """Return the rule that is followed while an item rests, None while it is not asked for.

    `until` is the last day since surgery of the rest, None until a clinician ends it; `gap`
    is how many days after surgery the patient was discharged. Of an item every few days the
    days stay those that they were.
    """
    if until is None:
        return None
    first = until + 1 - (gap if rule.anchor == "discharge" else 0)
    if first <= rule.from_day:
        return rule
    if rule.every is not None:
        first = rule.from_day - (rule.from_day - first) // rule.every * rule.every
    if rule.to_day is not None and first > rule.to_day:
        return None
    return replace(rule, from_day=first)
