"""Alerts as the cohort counts them: by the service's rule, closed after some days.

Planted, each red here: an alert that is never resolved; one that is resolved at once; what
was told before asks again.
"""

from datetime import UTC, datetime, timedelta

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.judgement import Judged
from recovery_service.domain.red_flags import Finding
from simulations.alert_books import AlertBooks

RULES = {rule.id: rule for rule in Content.parse(read_content()).red_flags.rules}
AFTER = {"emergency": 1, "same_day": 1, "next_business_day": 3}
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def judged(rule_id: str, tier: str, *, new: bool = True) -> Judged:
    rule = RULES[rule_id]
    finding = Finding(
        rule_id=rule_id, rule_version=1, tier=tier, facts=(), title=rule.title, text=rule.text
    )
    return Judged(finding=finding, about=START.date(), new=new)


@pytest.mark.parametrize(
    ("rule", "course", "raised"),
    [
        # next working day: open for 3 days, silent for 7 after it
        ("BOW1", [(1, "next_business_day"), (2, "next_business_day")], ["raised"]),
        ("BOW1", [(1, "next_business_day"), (10, "next_business_day")], ["raised"]),
        ("BOW1", [(1, "next_business_day"), (11, "next_business_day")], ["raised", "raised"]),
        ("BOW1", [(1, "next_business_day"), (2, "same_day")], ["raised", "worsened"]),
        ("BOW1", [(1, "next_business_day"), (9, "same_day")], ["raised", "raised"]),
        ("BOW1", [(1, "same_day"), (2, "next_business_day")], ["raised"]),
        # the same day: open for 1, silent for 1
        ("PAIN2", [(5, "same_day"), (6, "same_day")], ["raised"]),
        ("PAIN2", [(5, "same_day"), (7, "same_day")], ["raised", "raised"]),
        # an emergency has no silence, and attaches to the one that nobody has looked at yet
        ("CES1", [(5, "emergency"), (5, "emergency"), (6, "emergency")], ["raised", "raised"]),
    ],
)
def test_a_finding_asks_for_a_look_unless_one_is_open_or_silent(
    rule: str, course: list[tuple[int, str]], raised: list[str]
) -> None:
    """What is worse asks whatever is open."""
    books = AlertBooks(RULES, AFTER)
    alerts = [
        each
        for day, tier in course
        for each in books.enter([judged(rule, tier)], at=START + timedelta(days=day))
    ]
    assert [each.how for each in alerts] == raised


def test_rules_do_not_hold_each_other_back() -> None:
    """Each rule has an alert of its own."""
    books = AlertBooks(RULES, AFTER)
    books.enter([judged("PAIN1", "same_day")], at=START)
    assert books.enter([judged("PAIN2", "same_day")], at=START)[0].rule_id == "PAIN2"


def test_what_had_been_told_before_asks_for_nothing() -> None:
    """Also when its alert has been resolved since."""
    books = AlertBooks(RULES, AFTER)
    books.enter([judged("FALL1", "same_day")], at=START)
    later = START + timedelta(days=5)
    assert books.enter([judged("FALL1", "same_day", new=False)], at=later) == ()
