"""What the cohort is drawn from: every figure has a source, and rules that exist.

Planted, each red here: a source that is not listed let through; a rule misspelt in the file.
"""

import tomllib
from typing import Any

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.procedures import PROCEDURES
from simulations.assumptions import FILE, Assumptions, shipped

CONTENT = Content.parse(read_content())


def raw() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("part", ["procedures", "pain", "ordinary", "complications"])
def test_an_assumption_without_a_listed_source_is_refused(part: str) -> None:
    """Each kind of table, and a figure that stands alone."""
    tables = raw()
    tables[part][-1]["source"] = ["F:nobody"]
    with pytest.raises(ValueError, match="no such source"):
        Assumptions.read(tables)


def test_a_figure_without_a_source_is_refused() -> None:
    """An empty list is no source."""
    tables = raw()
    tables["figures"]["mis_tap"]["source"] = []
    with pytest.raises(ValueError, match="mis_tap"):
        Assumptions.read(tables)


def test_complications_ask_for_rules_that_are_shipped_and_for_their_procedures() -> None:
    """A rule that is renamed, or no longer for the operation, must be seen here."""
    rules = {rule.id: rule for rule in CONTENT.red_flags.rules}
    drawn = {one.code for one in shipped().procedures}
    for one in shipped().complications:
        assert one.rules <= rules.keys(), one.code
        for procedure in one.procedures & drawn:
            assert any(procedure in rules[rule].procedures for rule in one.rules), one.code


def test_the_shares_of_the_procedures_make_a_whole() -> None:
    """Only operations that the service knows, each once."""
    own = shipped().procedures
    assert sum(one.share for one in own) == pytest.approx(1)
    assert len({one.code for one in own} & PROCEDURES.keys()) == len(own)


def test_a_course_runs_through_its_anchors_and_stays_at_its_last() -> None:
    """Between two of them it lies between them."""
    course = shipped().courses["lumbar_microdiscectomy", "nrs_leg"]
    for anchor in course.anchors:
        assert course.at(anchor.day) == pytest.approx((anchor.mean, anchor.sd))
    assert 2.12 < course.at(60)[0] < 2.75
    assert course.at(400) == (2.12, 2.01)
