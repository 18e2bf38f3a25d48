"""What one report means: on its own date, on later ones, and of several findings of a rule one.

Defects planted, each seen red: later dates not judged again; what had been found before told as
new; the earlier of two equally strict dates kept; what a later date had led to told again; other
facts of the same tier taken for nothing new.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.judgement import Judged, PastReport, judge_report
from recovery_service.domain.red_flags import Situation

RULES = Content.parse(read_content()).red_flags
EPISODE = UUID(int=1)
SURGERY = date(2026, 3, 1)


def told(day: int, hour: int = 9, **answers: Any) -> PastReport:
    """Return a report of so many days after surgery; `supersedes` and `episode` as they are."""
    at = datetime(2026, 3, 1, hour, tzinfo=UTC) + timedelta(days=day)
    return PastReport(
        id=uuid4(),
        episode_id=answers.pop("episode", EPISODE),
        local_date=at.date(),
        recorded_at=at,
        received_at=at,
        supersedes=answers.pop("supersedes", None),
        note=answers.pop("note", None),
        answers=answers,
    )


def judge(report: PastReport, *earlier: PastReport) -> tuple[Judged, ...]:
    situation = Situation(
        episode_id=EPISODE,
        procedure="lumbar_microdiscectomy",
        surgery_date=SURGERY,
        local_date=report.local_date,
    )
    return judge_report(RULES, earlier, report, situation)


def brief(found: tuple[Judged, ...]) -> list[tuple[str, int, bool]]:
    """Return (rule, days after surgery, whether the report contributed)."""
    return [(one.finding.rule_id, (one.about - SURGERY).days, one.new) for one in found]


def test_a_report_is_judged_on_its_own_date() -> None:
    assert brief(judge(told(5, calf="left"))) == [("DVT1", 5, True)]
    assert judge(told(5, calf="none")) == ()


def test_findings_come_strictest_first_and_then_by_file() -> None:
    found = judge(told(5, days_since_bowels=4, calf="left", saddle_numb=True))
    assert [one.finding.tier for one in found] == ["emergency", "same_day", "next_business_day"]


def test_what_an_earlier_report_of_the_day_had_led_to_is_told_and_is_not_new() -> None:
    morning = told(5, calf="left")
    assert brief(judge(told(5, 18, nrs_leg=2), morning)) == [("DVT1", 5, False)]
    assert brief(judge(told(5, 18, calf="left"), morning)) == [("DVT1", 5, False)]
    assert brief(judge(told(5, 18, calf="right"), morning)) == [("DVT1", 5, True)]


def test_a_stricter_tier_of_a_rule_that_was_met_is_new() -> None:
    morning = told(5, days_since_bowels=5)
    worse = told(5, 18, days_since_bowels=5, distended_or_vomiting=True)
    ((rule, day, new),) = brief(judge(worse, morning))
    assert (rule, day, new) == ("BOW1", 5, True)
    assert judge(worse, morning)[0].finding.tier == "same_day"


def test_a_late_report_completes_what_a_later_date_had_begun() -> None:
    assert brief(judge(told(6, nrs_back=9), told(7, nrs_back=9))) == [("PAIN2", 7, True)]


def test_what_a_later_date_had_led_to_already_is_not_told_again() -> None:
    later = (told(6, nrs_back=9), told(7, nrs_back=9, calf="left"))
    assert judge(told(5, nrs_back=2), *later) == ()


def test_of_two_dates_the_stricter_finding_of_a_rule_stands_and_of_equal_ones_the_later() -> None:
    # The late one is met on its own date, and makes the next two days a course of three.
    late, after = told(6, nrs_back=9), (told(5, nrs_back=9), told(7, nrs_back=9))
    assert brief(judge(late, *after)) == [("PAIN2", 7, True)]


def test_a_correction_takes_the_finding_back_and_another_episode_says_nothing() -> None:
    first = told(5, calf="left")
    assert judge(told(5, 18, calf="none", supersedes=first.id), first) == ()
    foreign = told(4, nrs_back=9, episode=UUID(int=2))
    assert judge(told(5, nrs_back=9), foreign) == ()


def test_words_of_crisis_in_a_note_are_a_finding_of_the_day() -> None:
    found = judge(told(5, note="I want to kill myself"))
    assert brief(found) == [("MOOD1", 5, True)]
    assert found[0].finding.facts[0].item == "note"
