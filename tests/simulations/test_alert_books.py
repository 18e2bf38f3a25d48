"""Alerts as the cohort counts them: one open a rule, then silence, and never for an emergency.

Planted, each red here: no silence; silence for what is worse; an emergency that attaches.
"""

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.red_flags import Finding
from simulations.alert_books import AlertBooks

RULES = {rule.id: rule for rule in Content.parse(read_content()).red_flags.rules}
AFTER = {"emergency": 1, "same_day": 1, "next_business_day": 3}


def finding(rule_id: str, tier: str) -> Finding:
    rule = RULES[rule_id]
    return Finding(
        rule_id=rule_id, rule_version=1, tier=tier, facts=(), title=rule.title, text=rule.text
    )


@pytest.mark.parametrize(
    ("rule", "course", "raised"),
    [
        # next working day: open for 3 days, silent for 7 after it
        ("BOW1", [(1, "next_business_day"), (2, "next_business_day")], ["raised"]),
        ("BOW1", [(1, "next_business_day"), (11, "next_business_day")], ["raised"]),
        ("BOW1", [(1, "next_business_day"), (12, "next_business_day")], ["raised", "raised"]),
        ("BOW1", [(1, "next_business_day"), (2, "same_day")], ["raised", "worsened"]),
        ("BOW1", [(1, "next_business_day"), (9, "same_day")], ["raised", "worsened"]),
        ("BOW1", [(1, "same_day"), (2, "next_business_day")], ["raised"]),
        # the same day: open for 1, silent for 1
        ("PAIN2", [(5, "same_day"), (7, "same_day")], ["raised"]),
        ("PAIN2", [(5, "same_day"), (8, "same_day")], ["raised", "raised"]),
        # an emergency is never held back
        ("CES1", [(5, "emergency"), (5, "emergency"), (6, "emergency")],
         ["raised", "repeated", "repeated"]),
    ],
)  # fmt: skip
def test_a_finding_raises_an_alert_unless_one_is_open_or_silent(
    rule: str, course: list[tuple[int, str]], raised: list[str]
) -> None:
    """What is worse is told whatever is open; an emergency always."""
    books = AlertBooks(RULES, AFTER)
    alerts = [each for day, tier in course for each in books.enter([finding(rule, tier)], day=day)]
    assert [each.how for each in alerts] == raised


def test_rules_do_not_hold_each_other_back() -> None:
    """Each rule has an alert of its own."""
    books = AlertBooks(RULES, AFTER)
    books.enter([finding("PAIN1", "same_day")], day=5)
    assert books.enter([finding("PAIN2", "same_day")], day=5)[0].rule_id == "PAIN2"
