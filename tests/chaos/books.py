"""The books of a run: what the database says became of each reminder, and what arrived."""

from collections import Counter
from typing import Any

from tests.chaos.conftest import ROWS, Ward, eventually
from tests.chaos.crowd import Crowd

UNSETTLED = """
SELECT (SELECT count(*) FROM schedule WHERE next_due_at <= now())
     + (SELECT count(*) FROM delivery
         WHERE state IN ('ready', 'leased') AND cause NOT IN ('nudge', 'failover'))
"""


def wait_until_settled(ward: Ward, *, within: float = 60.0 + ROWS / 20) -> None:
    """Wait until nothing is due, ready or leased any more."""
    eventually(lambda: is_settled(ward), "every delivery is settled", within=within)


def is_settled(ward: Ward) -> bool:
    """Say whether something was due, and nothing is any more."""
    return ward.count(UNSETTLED) == 0 and ward.count("SELECT count(*) FROM delivery") > 0


def arrivals(ward: Ward) -> Counter[str]:
    """Return how often each phone rang, by endpoint, as the provider counted."""
    return Counter(push["endpoint"] for push in ward.provider.received(accepted=True))


def assert_balanced(ward: Ward, crowd: Crowd) -> None:
    """Check that each reminder exists once, ended with a reason, and reached its phone."""
    states = ward.read(
        "SELECT o.lineage_id, count(*), array_agg(d.state) FROM occurrence o"
        " LEFT JOIN delivery d ON d.clinic_id = o.clinic_id AND d.occurrence_id = o.id"
        " GROUP BY o.lineage_id"
    )
    assert len(states) == crowd.size, "every due schedule has its occurrence"
    unbalanced = [row for row in states if row[1:] != (1, ["sent"])]
    assert unbalanced == [], "one delivery per occurrence, destination and round; all sent"
    assert arrivals(ward).keys() == crowd.endpoints, "every phone rang"


def repeats(ward: Ward) -> list[list[dict[str, Any]]]:
    """Return, for each phone that rang more than once, all that arrived there."""
    rang: dict[str, list[dict[str, Any]]] = {}
    for push in ward.provider.received(accepted=True):
        rang.setdefault(push["endpoint"], []).append(push)
    return [pushes for pushes in rang.values() if len(pushes) > 1]
