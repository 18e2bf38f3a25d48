"""Whatever the history and whatever the rules: the phone finds what the service finds.

`RECOVERY_SAFETY_EXAMPLES` says how many of each are tried.
"""

import os
import unicodedata
from datetime import date
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recovery_service.domain.crisis_words import folded_words
from recovery_service.domain.red_flag_rules import RedFlagRules
from recovery_service.domain.red_flags import Situation, evaluate
from recovery_service.domain.safety_bundle import bundle_of
from tests.domain.red_flag_cases import CONTENT, EPISODE, Told
from tests.domain.red_flag_cases import RULES as SHIPPED
from tests.safety_rules import strategies as any_
from tests.safety_rules.cases import check_in_as_json, findings_as_json, on
from tests.safety_rules.phone import Phone

EXAMPLES = int(os.environ.get("RECOVERY_SAFETY_EXAMPLES", "200"))
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
as_many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[*_SLOW, HealthCheck.filter_too_much],
)
_kept: dict[str, str] = {}
# Not assigned, for private use, and halves of a pair.
_UNSEEN = {"Cn", "Co", "Cs"}


def compared(
    phone: Phone,
    rules: RedFlagRules,
    procedure: str,
    history: list[Told],
    *,
    surgery: date | None,
    facts: dict[str, Any],
) -> tuple[Any, Any]:
    """Return what each of the two finds."""
    bundle = bundle_of(rules, CONTENT.crisis_words, procedure=procedure)
    if (name := f"any {procedure}") not in _kept or _kept[name] != bundle.content_hash:
        phone.keep(name, dict(bundle.document))
        _kept[name] = bundle.content_hash
    situation = Situation(
        episode_id=EPISODE,
        procedure=procedure,
        surgery_date=surgery,
        local_date=on(any_.JUDGED),
        facts=facts,
    )
    told = {
        "episode_id": str(EPISODE),
        "surgery_date": surgery and surgery.isoformat(),
        "local_date": situation.local_date.isoformat(),
        "facts": facts,
    }
    found = phone.evaluate(name, [check_in_as_json(each) for each in history], told)
    return found, findings_as_json(evaluate(rules, history, situation))


@as_many
@given(any_.PROCEDURE, any_.histories(), any_.SURGERIES, any_.FACTS_KNOWN)
def test_by_the_rules_that_there_are(
    phone: Phone, procedure: str, history: list[Told], surgery: date | None, facts: dict[str, Any]
) -> None:
    found, expected = compared(phone, SHIPPED, procedure, history, surgery=surgery, facts=facts)
    assert found == expected


@as_many
@given(any_.rules_and_histories(), any_.SURGERIES, any_.FACTS_KNOWN)
def test_by_any_rules_that_there_could_be(
    phone: Phone,
    both: tuple[RedFlagRules, list[Told]],
    surgery: date | None,
    facts: dict[str, Any],
) -> None:
    rules, history = both
    found, expected = compared(phone, rules, any_.WHO, history, surgery=surgery, facts=facts)
    assert found == expected


@as_many
@given(st.lists(any_.LETTERS | any_.notes(), min_size=1, max_size=20))
def test_words_are_folded_alike(phone: Phone, texts: list[str]) -> None:
    assert phone.fold(texts) == [list(folded_words(text)) for text in texts]


def test_every_character_there_is_is_folded_alike(phone: Phone) -> None:
    """Planted: lower case for folded case; all marks dropped, or none; Cherokee left out."""
    assigned = [
        chr(code) for code in range(0x40000) if unicodedata.category(chr(code)) not in _UNSEEN
    ]
    for start in range(0, len(assigned), 4000):
        texts = [f"x{each}\u0334{each}y" for each in assigned[start : start + 4000]]
        assert phone.fold(texts) == [list(folded_words(text)) for text in texts]
