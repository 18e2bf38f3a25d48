"""The patient's own times: for one item, or for a whole kind of items."""

from collections.abc import Iterable, Mapping

from recovery_service.domain.recurrence_rules import InvalidRule, Rule

_MINUTES_AN_HOUR = 60


def with_own_times(
    rule: Rule, times: Mapping[str, Mapping[str, str]], names: Iterable[str]
) -> Rule:
    """Return the rule at the times that the patient chose under one of its names.

    ``times`` maps an item's lineage or code, or a kind, to ``{slot: "HH:MM"}``; the
    first name that is there counts. A slot that the rule does not have is passed
    over, because a kind's items have different slots; so is a choice that would
    put two slots at one time.
    """
    chosen = next((times[name] for name in names if name in times), None)
    if not chosen:
        return rule
    known = {slot: _minute(text) for slot, text in chosen.items() if slot in dict(rule.slots)}
    try:
        return rule.with_times(known)
    except InvalidRule:
        return rule


def _minute(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * _MINUTES_AN_HOUR + int(minutes)
