"""What slots may be called: their names are part of ids that leave the service.

An occurrence's id stands in push payloads and in links of e-mails, encoded and not
encrypted. A slot that somebody called by a medicine would tell it to whoever reads along.
"""

import re

from recovery_service.domain.recurrence_rules import InvalidRule, Rule

_NEUTRAL = re.compile(
    r"(early_|late_)?(morning|forenoon|noon|midday|afternoon|evening|night|midnight|day)"
    r"|early|late|[a-z]|slot_\d{1,2}|s\d{4}"
)


def require_neutral(rule: Rule) -> None:
    """Refuse a rule with a slot whose name says more than a time of day; raises `InvalidRule`."""
    for name, _ in rule.slots:
        if not _NEUTRAL.fullmatch(name):
            raise InvalidRule(
                f"/slots/{name}", "must be a time of day such as morning or evening, or slot_1"
            )
