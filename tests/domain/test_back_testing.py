"""Changed rules against the past: what is new, lost, or of another tier, and which alerts stay.

Planted, each red here: check-ins judged with what came later; the last tier of a day for its
strictest; only the own date of what came late; days outside the window judged, or counted; a
rule of one set taken for one of both; an alert kept by a weaker fire, or by one of another
day; rates of one patient-day; alerts followed that are older than the window; examples without
end, or of alerts that nobody needed.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from config.content import read_content
from recovery_service.domain.back_testing import BackTest, EpisodeHistory, PastAlert
from recovery_service.domain.red_flag_rules import RedFlagRules, parse_rules
from tests.domain.red_flag_cases import CONTENT, EPISODE, PROCEDURES, RULES, SURGERY, Told, course

RAW = read_content()["red_flags"]
Edit = Callable[[dict[str, Any]], dict[str, Any] | None]


def changed(**edits: Edit) -> RedFlagRules:
    """Return the shipped rules, some of them edited, or left out (None)."""
    rules = [edits.get(rule["id"], dict)(rule) for rule in RAW["rules"]]
    return parse_rules(
        {**RAW, "rules": [rule for rule in rules if rule]},
        catalogue=CONTENT.check_ins,
        crisis_words=CONTENT.crisis_words,
        sources=CONTENT.sources,
    )


def gone(_: dict[str, Any]) -> None:
    return None


def with_(**fields: Any) -> Edit:
    return lambda rule: rule | fields


def history(
    check_ins: Sequence[Told], *, first: int = 0, last: int = 9, alerts: Sequence[PastAlert] = (),
    who: str = "disc", episode: UUID = EPISODE,
) -> EpisodeHistory:  # fmt: skip
    """Return an episode's past, looked at from one day since surgery to another."""
    return EpisodeHistory(
        episode_id=episode,
        procedure=PROCEDURES[who],
        surgery_date=SURGERY,
        first_day=SURGERY + timedelta(days=first),
        last_day=SURGERY + timedelta(days=last),
        check_ins=[replace(one, episode_id=episode) for one in check_ins],
        alerts=alerts,
    )


def alert(
    rule: str, tier: str, raised: int, resolved: int | None, acted_on: bool | None
) -> PastAlert:
    until = None if resolved is None else SURGERY + timedelta(days=resolved)
    return PastAlert(
        UUID(int=900 + raised), rule, tier, SURGERY + timedelta(days=raised), until, acted_on
    )


def compared(rules: RedFlagRules, *past: EpisodeHistory) -> dict[str, Any]:
    """Return the report, its rules by id."""
    test = BackTest(RULES, rules)
    for one in past:
        test.add(one)
    report = test.report.as_json()
    return report | {"rules": {rule["id"]: rule for rule in report["rules"]}}


def test_the_same_rules_differ_in_nothing() -> None:
    """Fires are counted per 100 patient-days, once a day, for both sets alike."""
    told = course("1: fall=yes | 1: fall=yes | 3: fall=yes saddle_numb=yes | 4: fall=no")
    report = compared(changed(), history(told))
    assert (report["episodes"], report["patient_days"], report["check_ins"]) == (1, 10, 4)
    assert report["in_force"] == report["changed"]
    assert report["rules"]["FALL1"]["changed"]["fires"] == 2
    assert report["rules"]["FALL1"]["changed"]["per_100_patient_days"] == 20
    assert report["rules"]["CES1"]["changed"]["by_tier"]["emergency"] == 1
    assert all(
        rule["new"] == rule["lost"] == rule["other_tier"] == 0 and rule["examples"] == {}
        for rule in report["rules"].values()
    )


def test_what_a_lower_threshold_adds_is_new() -> None:
    """The rule that is met anew is named with episode and date; the others stay as they are."""
    told = course("1: days_since_bowels=3 fall=yes | 2: days_since_bowels=4")
    bowels = with_(when={"item": "days_since_bowels", "at_least": 3})
    report = compared(changed(BOW1=bowels), history(told))
    rule = report["rules"]["BOW1"]
    assert (rule["in_force"]["fires"], rule["changed"]["fires"]) == (1, 2)
    assert (rule["new"], rule["lost"]) == (1, 0)
    assert rule["examples"] == {"new": [{"episode_id": str(EPISODE), "date": "2026-03-03"}]}
    assert report["rules"]["FALL1"]["new"] == 0


def test_what_a_rule_that_is_gone_had_found_is_lost() -> None:
    """Its fires in force are counted all the same."""
    report = compared(changed(FALL1=gone), history(course("1: fall=yes | 2: fall=yes")))
    rule = report["rules"]["FALL1"]
    assert (rule["in_force"]["fires"], rule["changed"]["fires"], rule["lost"]) == (2, 0, 2)


def test_a_rule_of_the_changed_set_alone_is_new() -> None:
    """An id that the rules in force do not know."""
    added = {**next(rule for rule in RAW["rules"] if rule["id"] == "FALL1"), "id": "FALL9"}
    rules = changed()
    more = parse_rules(
        {**RAW, "rules": [*RAW["rules"], added]},
        catalogue=rules.catalogue, crisis_words=CONTENT.crisis_words, sources=CONTENT.sources,
    )  # fmt: skip
    report = compared(more, history(course("1: fall=yes")))
    assert report["rules"]["FALL9"]["new"] == 1
    assert report["rules"]["FALL9"]["in_force"]["fires"] == 0
    assert report["rules"]["FALL1"]["new"] == 0


def test_another_tier_is_neither_new_nor_lost() -> None:
    """Of a day's check-ins the strictest tier counts."""
    told = course("1: fall=yes | 1: fall=yes head_injury=yes | 1: fall=yes | 2: fall=yes")
    stricter = with_(tier="emergency", silence_days=0, escalations=[])
    report = compared(changed(FALL1=stricter), history(told))
    rule = report["rules"]["FALL1"]
    assert (rule["new"], rule["lost"], rule["other_tier"]) == (0, 0, 1)
    assert rule["in_force"]["by_tier"]["emergency"] == 1
    assert rule["changed"]["by_tier"]["emergency"] == 2


def test_each_check_in_is_judged_with_what_had_arrived_before_it() -> None:
    """A correction that came later takes nothing back of what the rule had said, nor its tier."""
    first, second = course("1: fall=yes head_injury=yes | 1: fall=yes")
    corrected = replace(second, supersedes=first.id)
    rule = compared(changed(), history([corrected, first]))["rules"]["FALL1"]
    for counted in (rule["in_force"], rule["changed"]):
        assert (counted["fires"], counted["by_tier"]["emergency"]) == (1, 1)


def test_a_check_in_that_came_late_completes_the_course_of_a_later_day() -> None:
    """Severe pain on two days in a row, told in the wrong order, is found all the same."""
    first, second = course("4-5: nrs_leg=9")
    late = replace(first, received_at=second.received_at + timedelta(days=1))
    report = compared(changed(), history([second, late]))
    assert report["rules"]["PAIN2"]["changed"]["fires"] == 1


def test_days_outside_the_window_are_read_and_not_judged() -> None:
    """They belong to the course: the second of two days of severe pain is in the window."""
    told = course("4-5: nrs_leg=9 | 7: fall=yes")
    report = compared(changed(), history(told, first=5, last=6))
    assert (report["patient_days"], report["check_ins"]) == (2, 1)
    assert report["rules"].keys() == {"PAIN2"}


def test_fires_are_compared_with_the_alerts_that_stood_that_day() -> None:
    """In an alert of their own rule, in one of another, or in none."""
    told = course("1: fall=yes | 3: fall=yes | 6: fall=yes")
    alerts = [
        alert("FALL1", "same_day", 0, 1, acted_on=True),
        alert("PAIN1", "same_day", 2, 4, acted_on=False),
    ]
    report = compared(changed(), history(told, alerts=alerts))
    assert report["rules"]["FALL1"]["overlap"] == {
        "in_own_alert": 1,
        "in_other_alert": 1,
        "in_no_alert": 1,
    }


@pytest.mark.parametrize(
    ("rules", "tier", "fate"),
    [
        (changed(), "same_day", "kept"),
        (changed(), "emergency", "weaker"),
        (changed(FALL1=gone), "same_day", "lost"),
        (changed(FALL1=gone, OPI2=with_(when={"item": "fall", "is": True})), "same_day",
         "told_by_another"),
        (changed(FALL1=gone, BOW1=with_(when={"item": "fall", "is": True})), "same_day", "lost"),
    ],
)  # fmt: skip
def test_an_alert_of_the_past_is_followed_to_what_the_changed_rules_say(
    rules: RedFlagRules, tier: str, fate: str
) -> None:
    """Kept by its own rule, told by another that is as strict, weaker, or lost."""
    past = history(course("2: fall=yes"), alerts=[alert("FALL1", tier, 2, 3, acted_on=True)])
    counted = compared(rules, past)["rules"]["FALL1"]["alerts"]
    assert {name: each["acted_on"] for name, each in counted.items() if each["acted_on"]} == {
        fate: 1
    }


def test_an_alert_from_before_the_window_overlaps_and_is_followed_no_more() -> None:
    """What had raised it is not judged, so that nothing could have kept it."""
    past = [alert("FALL1", "same_day", 2, 6, acted_on=True)]
    told = course("2: fall=yes | 6: nrs_leg=2 fall=yes")
    rule = compared(changed(), history(told, first=5, alerts=past))["rules"]["FALL1"]
    assert rule["overlap"]["in_own_alert"] == 1
    assert sum(sum(counts.values()) for counts in rule["alerts"].values()) == 0


def test_a_fire_of_another_day_does_not_keep_an_alert() -> None:
    """It has to stand while the rule fires."""
    past = [alert("FALL1", "same_day", 5, 6, acted_on=True)]
    counted = compared(changed(), history(course("2: fall=yes"), alerts=past))["rules"]["FALL1"]
    assert counted["alerts"]["lost"]["acted_on"] == 1


@pytest.mark.parametrize(
    ("acted_on", "resolved", "word"),
    [(True, 3, "acted_on"), (False, 3, "not_acted_on"), (None, None, "unresolved")],
)
def test_lost_alerts_say_whether_staff_had_acted_on_them(
    acted_on: bool | None, resolved: int | None, word: str
) -> None:
    """Those that nobody needed are no example of harm."""
    past = history(
        course("2: fall=yes"), alerts=[alert("FALL1", "same_day", 2, resolved, acted_on=acted_on)]
    )
    rule = compared(changed(FALL1=gone), past)["rules"]["FALL1"]
    assert rule["alerts"]["lost"][word] == 1
    assert ("lost_alerts" in rule["examples"]) == (word != "not_acted_on")


def test_examples_are_few_and_episodes_do_not_mix() -> None:
    """Five at most; the figures count all."""
    told = course("1-9: fall=yes")
    other = UUID(int=77)
    report = compared(changed(FALL1=gone), history(told), history(told, episode=other))
    rule = report["rules"]["FALL1"]
    assert (rule["lost"], len(rule["examples"]["lost"])) == (18, 5)
    assert (report["episodes"], report["patient_days"]) == (2, 20)
    assert rule["in_force"]["per_100_patient_days"] == 90


def test_rules_that_read_no_answer_are_named_as_not_judged() -> None:
    """What the service counted on a past day is not kept."""
    assert compared(changed())["not_judged"] == ["ADH1_ADHERENCE", "ADH1_SILENCE"]


def test_nothing_looked_at_is_no_rate() -> None:
    """A report of nothing divides by nothing."""
    report = compared(changed())
    assert report["in_force"]["per_100_patient_days"] == 0
    assert report["rules"] == {}
