"""Every sentence of the progress, in both languages and for both readers.

Planted, each red: staff's sentence for the patient; `behind` and `worse` shown to the patient;
the limits left out.
"""

import pytest

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.recovery_status import (
    BETTER,
    NO_CLEAR_CHANGE,
    PERHAPS_BETTER,
    REASONS,
    WORSE,
    OwnChange,
    Standing,
)
from recovery_service.services.progress_words import (
    own_change_in_words,
    standing_in_words,
    status_for_reader,
)

CONTENT = Content.parse(read_content())
FACTS = {"median": 4.5, "low": 0.41, "high": 4.129, "day": 90}
VERDICTS = (BETTER, PERHAPS_BETTER, NO_CLEAR_CHANGE, WORSE, None)
ALARMING = (
    "behind", "worse", "danger", "warning!", "urgent", "at once", "bad", "worry", "alarm",
    "geride", "gerisinde", "kötü", "tehlike", "acil", "hemen", "endişe",
)  # fmt: skip
REASSURING = (
    "fine", "okay", "well", "safe", "good", "normal", "no need", "do not worry",
    "iyi gid", "güvende", "sorun yok", "normal", "merak etme",
)  # fmt: skip


def standing(reason: str, verdict: str | None = None) -> Standing:
    own = OwnChange(before=8, now=4.5, verdict=verdict)
    return Standing(item="nrs_leg", status=REASONS[reason], reason=reason, own=own, facts=FACTS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("reason", REASONS)
def test_what_patients_read_neither_alarms_nor_reassures(
    reason: str, verdict: str | None, language: str
) -> None:
    told = standing(reason, verdict)
    said = standing_in_words(CONTENT, told, language, for_staff=False).casefold()
    limits = CONTENT.text("progress.patient.limits", language).casefold()
    assert said.endswith(limits)
    assert [word for word in (*ALARMING, *REASSURING) if word in said] == []
    mark = CONTENT.text("progress.decimal_mark", language)
    assert not {f"{end}".replace(".", mark) for end in (0.4, 4.1)} & set(said.split())
    assert not any(word in said for word in ("median", "corridor", "ortanca", "beklenen"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", REASONS)
def test_staff_read_the_plain_reason_with_its_numbers(reason: str, language: str) -> None:
    said = standing_in_words(CONTENT, standing(reason, BETTER), language, for_staff=True)
    mark = CONTENT.text("progress.decimal_mark", language)
    if reason.endswith("corridor") and reason != "no_corridor":
        assert all(f"{number}".replace(".", mark) in said for number in (0.4, 4.1, 4.5))
    assert "{" not in said


def test_a_sentence_begins_with_the_patients_own_value() -> None:
    said = standing_in_words(CONTENT, standing("within_corridor", BETTER), "en", for_staff=True)
    assert said == (
        "Leg pain: 8 before the operation, 4.5 in the last 7 days: less, by more than the scale's"
        " own noise (3.7). The median of the last 7 days is 4.5, within the expected 0.4 to 4.1."
    )


@pytest.mark.parametrize("verdict", VERDICTS)
def test_patients_read_their_own_numbers_without_a_verdict(verdict: str | None) -> None:
    told = standing("within_corridor", verdict)
    assert told.own is not None
    said = own_change_in_words(CONTENT, told, told.own, "tr", for_staff=False)
    assert said == "Ameliyattan önce 8, son 7 günde 4,5."


def test_a_word_that_would_alarm_is_another_one_for_patients() -> None:
    assert status_for_reader("behind", for_staff=True) == "behind"
    assert status_for_reader("behind", for_staff=False) == "discuss"
    assert status_for_reader("worse", for_staff=False) == "discuss"
    assert status_for_reader("ahead", for_staff=False) == "ahead"
