"""What a phone gets: its procedure's rules, all that they need, and nothing that changes daily."""

import hashlib
import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.content_fields import Fields
from recovery_service.domain.emergency_numbers import Directory
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.domain.red_flag_condition_fields import Vocabulary, ways
from recovery_service.domain.red_flag_conditions import DayAfter, Way
from recovery_service.domain.red_flag_rules import RedFlagRule
from recovery_service.domain.safety_bundle import (
    VALID_FOR,
    bundle_of,
    bundles_of,
    canonical,
    issue,
)
from tests.domain.red_flag_cases import CONTENT, RULES

WORDS = Vocabulary(catalogue=CONTENT.check_ins, crisis_words=CONTENT.crisis_words)
BUNDLES = bundles_of(CONTENT)
DISC = "lumbar_microdiscectomy"
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
AT_HOME = Directory(phones={"clinic": "+44"}, abroad=False, is_open=False)


def own(procedure: str) -> list[RedFlagRule]:
    return [rule for rule in RULES.rules if procedure in rule.procedures]


def read(when: dict[str, Any]) -> tuple[Way, ...]:
    """Read a condition of a bundle as if it stood in the file of the rules."""
    return ways(Fields(json.loads(canonical(when)), "bundle", "when"), WORDS)


def only(found: tuple[Way, ...], procedure: str) -> tuple[Way, ...]:
    """Return the ways with the day limits of one procedure."""
    return tuple(
        tuple(
            replace(one, limits={procedure: one.limits[procedure]})
            if isinstance(one, DayAfter)
            else one
            for one in way
        )
        for way in found
    )


@pytest.mark.parametrize("procedure", sorted(PROCEDURES))
def test_read_back_the_conditions_are_those_of_the_rules(procedure: str) -> None:
    """Planted: a member left out of each kind of condition; the first way of several alone."""
    rules = BUNDLES[procedure].document["rules"]
    assert [each["id"] for each in rules] == [rule.id for rule in own(procedure)]
    for each, rule in zip(rules, own(procedure), strict=True):
        levels: list[tuple[dict[str, Any], Any]] = [(each, rule)]
        levels += zip(each["escalations"], rule.escalations, strict=True)
        for written, level in levels:
            assert read(written["when"]) == only(level.when, procedure)
            assert (written["tier"], written["text"]) == (level.tier, level.text)


@pytest.mark.parametrize("procedure", sorted(PROCEDURES))
def test_every_item_that_a_rule_reads_is_there_after_the_one_it_follows(procedure: str) -> None:
    """Planted: items as the rules name them; all items of the catalogue."""
    document = json.loads(canonical(BUNDLES[procedure].document))
    codes = [item["code"] for item in document["items"]]
    assert codes == [code for code in CONTENT.check_ins.items if code in codes]
    for item in document["items"]:
        if "show_if" in item:
            assert codes.index(item["show_if"]["item"]) < codes.index(item["code"])
    read_by_rules = {
        code
        for rule in document["rules"]
        for level in (rule, *rule["escalations"])
        for way in level["when"]["any_of"]
        for one in way["all_of"]
        for code in one.get("highest_of", [one["item"]] if "item" in one else [])
    }
    assert read_by_rules <= set(codes)
    assert not {"sleep_h", "walk_min", "voice"} & set(codes)


def test_a_rule_that_reads_only_follow_ups_brings_their_question() -> None:
    """Planted: the items that rules read, and none above them."""
    [urine] = [rule for rule in RULES.rules if rule.id == "URI1"]
    alone = replace(RULES, rules=(urine,))
    found = bundle_of(alone, CONTENT.crisis_words, procedure=DISC).document["items"]
    codes = [item["code"] for item in found]
    assert codes == ["bladder_bowel", "hours_since_urine", "urine_discomfort"]


def _changed(change: str) -> Content:
    raw = deepcopy(read_content())
    by_id = {rule["id"]: rule for rule in raw["red_flags"]["rules"]}
    if change == "a text":
        by_id["FALL1"]["text"]["tr"] += "."
    elif change == "a threshold":
        by_id["INF1"]["when"]["any_of"][0]["at_least"] = 38.1
    elif change == "an item":
        next(each for each in raw["check_in_items"]["items"] if each["code"] == "temp_c")["max"] = (
            42.0
        )
    elif change == "a word":
        raw["crisis_words"]["words"]["en"].append("no way out")
    elif change == "a rule of another procedure":
        by_id["AIR1"]["text"]["en"] += " Now."
    return Content.parse(raw)


@pytest.mark.parametrize("change", ["a text", "a threshold", "an item", "a word"])
def test_any_edit_is_another_version(change: str) -> None:
    """Planted: a hash of the rules' conditions alone."""
    changed = bundles_of(_changed(change))[DISC]
    assert changed.version != BUNDLES[DISC].version
    assert changed.content_hash != BUNDLES[DISC].content_hash


def test_what_concerns_another_procedure_alone_is_no_other_version() -> None:
    """Planted: the hash of the whole file."""
    changed = bundles_of(_changed("a rule of another procedure"))
    assert changed[DISC] == BUNDLES[DISC]
    assert changed["cervical_anterior"].version != BUNDLES["cervical_anterior"].version


def test_the_hash_is_of_what_the_document_says_of_itself() -> None:
    """Planted: the hash of a document with its version, which nobody could compute again."""
    bundle = BUNDLES[DISC]
    issued = issue(bundle, CONTENT, directory=AT_HOME, time_zone="UTC", now=MONDAY)
    added = {
        "version", "content_hash", "issued_at", "valid_until", "time_zone", "phones", "calls",
        "offline",
    }  # fmt: skip
    hashed = {name: value for name, value in issued.items() if name not in added}
    assert hashlib.sha256(canonical(hashed)).hexdigest() == bundle.content_hash
    assert bundle.document["version"] == bundle.version == f"1-{bundle.content_hash[:12]}"
    same = bundle_of(RULES, CONTENT.crisis_words, procedure=DISC)
    assert same == bundle
    assert bundle.document["status"] == "draft_pending_clinician_signoff"


@pytest.mark.parametrize(
    ("now", "issued"),
    [
        (MONDAY, MONDAY),
        (MONDAY - timedelta(microseconds=1), MONDAY - timedelta(days=7)),
        (MONDAY + timedelta(days=6, hours=23, minutes=59), MONDAY),
        # Monday in Auckland, and still Sunday for everybody's bundle.
        (datetime.fromisoformat("2026-03-02T09:00+13:00"), MONDAY - timedelta(days=7)),
    ],
)
def test_it_is_issued_for_the_week(now: datetime, issued: datetime) -> None:
    """Planted: the week of whatever zone the clock has."""
    found = issue(BUNDLES[DISC], CONTENT, directory=AT_HOME, time_zone="UTC", now=now)
    assert datetime.fromisoformat(found["issued_at"]) == issued
    assert datetime.fromisoformat(found["valid_until"]) == issued + VALID_FOR
    assert datetime.fromisoformat(found["valid_until"]) > now + timedelta(days=7)


def test_the_conditions_of_one_procedure_name_no_other() -> None:
    text = canonical(BUNDLES["lumbar_fusion_mis"].document).decode()
    assert '"day_after":{"lumbar_fusion_mis":28}' in text
    assert DISC not in text


def test_what_is_no_number_is_refused_and_not_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical({"limit": float("nan")})
