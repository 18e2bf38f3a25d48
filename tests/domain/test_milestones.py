"""Milestones: when they are met, and nearly met; and content that is refused.

Planted, each red: above for at least; a run that gaps do not break; a week of six days; off
opioids without ever having had one; silence taken for none.
"""

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from config.content import read_content
from recovery_service.domain.content import Content, ContentError
from recovery_service.domain.series import Told

RAW = read_content()
CONTENT = Content.parse(RAW)
DAY = date(2026, 3, 2)
WHEN = {one.code: one.when for one in CONTENT.milestones.milestones}


def reports(item: str, text: str) -> dict[date, Told]:
    """Return the reports of a course such as `"0-6: 2 | 7: 0"`; `-` is no answer."""
    found: dict[date, Told] = {}
    for part in filter(None, map(str.strip, text.split("|"))):
        days, _, value = part.partition(":")
        first, _, last = days.partition("-")
        for day in range(int(first), int(last or first) + 1):
            on = DAY + timedelta(days=day)
            at = datetime(on.year, on.month, on.day, 8, tzinfo=UTC)
            answer = None if value.strip() in ("", "-") else int(value)
            found[on] = Told(
                id=UUID(int=day + 1), local_date=on, recorded_at=at, received_at=at,
                supersedes=None, issues=(), answers={item: answer},
            )  # fmt: skip
    return found


VIGNETTES: list[tuple[str, str, str, str, int | None]] = [
    ("half an hour", "walked_30_minutes", "walk_min", "3: 29 | 5: 30 | 6: 40", 5),
    ("a minute less", "walked_30_minutes", "walk_min", "3: 29 | 5: 29", None),
    ("nobody asked", "walked_30_minutes", "walk_min", "3: -", None),
    ("seven days in a row", "week_of_check_ins", "nrs_leg", "2-8: 3 | 9: 3", 8),
    ("six", "week_of_check_ins", "nrs_leg", "2-7: 3", None),
    ("six and six with a gap", "week_of_check_ins", "nrs_leg", "2-7: 3 | 9-14: 3", None),
    ("the gap filled later", "week_of_check_ins", "nrs_leg", "2-14: 3", 8),
    ("a week after the last dose", "week_without_opioids", "opioid_doses", "1: 2 | 2-9: 0", 8),
    ("six days", "week_without_opioids", "opioid_doses", "1: 2 | 2-7: 0", None),
    ("never had one", "week_without_opioids", "opioid_doses", "1-20: 0", None),
    ("told of every second day", "week_without_opioids", "opioid_doses",
     "1: 1 | 2: 0 | 4: 0 | 6: 0 | 8: 0", 8),
    ("two days untold", "week_without_opioids", "opioid_doses",
     "1: 1 | 2: 0 | 4: 0 | 7: 0 | 8: 0", None),
    ("untold, then a week anew", "week_without_opioids", "opioid_doses",
     "1: 1 | 2-4: 0 | 7-13: 0", 13),
    ("one dose breaks it", "week_without_opioids", "opioid_doses",
     "1: 2 | 2-5: 0 | 6: 1 | 7-12: 0", None),
    ("and a week begins anew", "week_without_opioids", "opioid_doses",
     "1: 2 | 2-5: 0 | 6: 1 | 7-13: 0", 13),
    ("first none, then some, then a week of none", "week_without_opioids", "opioid_doses",
     "0-9: 0 | 10: 1 | 11-17: 0", 17),
    ("once reached it stays", "week_without_opioids", "opioid_doses",
     "1: 2 | 2-9: 0 | 10-12: 3", 8),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "item", "text", "reached"), [each[1:] for each in VIGNETTES],
    ids=[each[0] for each in VIGNETTES],
)  # fmt: skip
def test_when_it_is_reached(code: str, item: str, text: str, reached: int | None) -> None:
    expected = None if reached is None else DAY + timedelta(days=reached)
    assert WHEN[code].met_on(reports(item, text)) == expected


Change = Callable[[dict[str, Any]], object]
REFUSALS: list[tuple[str, Change, str, str]] = [
    ("a target of nothing", lambda r: r["weeks_on_target"].update(share=0),
     "weeks_on_target", "share must be"),
    ("more than all", lambda r: r["weeks_on_target"].update(share=1.1),
     "weeks_on_target", "share must be"),
    ("a target from nowhere", lambda r: r["weeks_on_target"].pop("source"),
     "weeks_on_target", "missing source"),
    ("an unknown question", lambda r: r["milestones"][0]["when"].update(item="walk"),
     "milestones/walked_30_minutes", "unknown item"),
    ("a question without number", lambda r: r["milestones"][0]["when"].update(item="wound"),
     "milestones/walked_30_minutes", "no number"),
    ("a question of other procedures", lambda r: r["milestones"][0]["when"].update(item="nrs_leg"),
     "milestones/walked_30_minutes", "is not asked after cervical_anterior"),
    ("out of the scale", lambda r: r["milestones"][0]["when"].update(at_least=601),
     "milestones/walked_30_minutes", "at_least must be"),
    ("no condition", lambda r: r["milestones"][0].pop("when"),
     "milestones/walked_30_minutes", "missing when"),
    ("two conditions", lambda r: r["milestones"][1]["when"].update(at_least=1),
     "milestones/week_of_check_ins", "unknown key"),
    ("a word too many", lambda r: r["milestones"][0].update(colour="red"),
     "milestones/walked_30_minutes", "unknown key"),
    ("one in a condition", lambda r: r["milestones"][0]["when"].update(times=2),
     "milestones/walked_30_minutes", "unknown key"),
    ("one in another", lambda r: r["milestones"][2]["when"].update(times=2),
     "milestones/week_without_opioids", "unknown key"),
    ("one in the target", lambda r: r["weeks_on_target"].update(done=2),
     "weeks_on_target", "unknown key"),
    ("a table too many", lambda r: r.update(streaks={}), "milestones", "unknown key"),
    ("a run of one", lambda r: r["milestones"][1]["when"].update(check_ins_in_a_row=1),
     "milestones/week_of_check_ins", "check_ins_in_a_row must be"),
    ("nothing to come down from", lambda r: r["milestones"][2]["when"].update(after_at_least=0),
     "milestones/week_without_opioids", "must be above at_most"),
    ("no translation", lambda r: r["milestones"][2]["title"].pop("tr"),
     "milestones/week_without_opioids", "no translation"),
    ("twice", lambda r: r["milestones"].append(deepcopy(r["milestones"][0])),
     "milestones/walked_30_minutes", "duplicate code"),
    ("an unknown procedure", lambda r: r["milestones"][0].update(procedures=["knee"]),
     "milestones/walked_30_minutes", "procedures must be"),
    ("signed off by itself", lambda r: r.update(status="approved"),
     "milestones", "unknown status"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "item", "message"), [each[1:] for each in REFUSALS],
    ids=[each[0] for each in REFUSALS],
)  # fmt: skip
def test_what_is_wrong_in_it_is_refused(change: Change, item: str, message: str) -> None:
    raw = deepcopy(RAW)
    change(raw["milestones"])
    with pytest.raises(ContentError, match=message) as refused:
        Content.parse(raw)
    assert (refused.value.file, refused.value.item) == ("milestones.toml", item)
