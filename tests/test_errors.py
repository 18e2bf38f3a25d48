"""The error tree: every code once, every code explained."""

import re
import tomllib
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest

from recovery_service import errors
from recovery_service.errors import FieldError, RecoveryError, every_error


def test_every_class_has_a_code_of_its_own_and_no_code_is_used_twice() -> None:
    assert [each.__name__ for each in every_error() if "code" not in vars(each)] == []
    codes = Counter(each.code for each in every_error())
    assert [code for code, times in codes.items() if times > 1] == []


@pytest.mark.parametrize("error", every_error(), ids=lambda each: each.code)
def test_every_code_is_a_stable_name_with_a_meaning_in_one_sentence(
    error: type[RecoveryError],
) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    assert error.__doc__ is not None
    assert error.__doc__ != (error.__base__.__doc__ if error.__base__ else None)
    assert re.fullmatch(r"[A-Z`].{8,100}\.", error.meaning())


def test_the_tree_drawn_in_the_file_is_the_tree() -> None:
    drawn = re.findall(r"(?:── |^    )(\w+) +(\w+)$", errors.__doc__ or "", re.MULTILINE)
    assert Counter(drawn) == Counter((each.__name__, each.code) for each in every_error())


def test_no_error_below_the_edge_knows_a_status() -> None:
    assert [each for each in every_error() if hasattr(each, "status")] == []


def test_facts_are_attributes() -> None:
    episode_id = uuid4()
    assert errors.EpisodeAlreadyOpen(episode_id).episode_id == episode_id
    assert errors.NoSuchObject("patient").kind == "patient"
    assert errors.TooManyRequests(30).retry_after == 30


def test_fields_are_named_by_pointers() -> None:
    error = errors.InvalidField("/discharge_date", "Before the surgery.")
    assert error.errors == (FieldError("/discharge_date", "Before the surgery."),)
    assert errors.ExternalIdKnown("hospital", position=2).errors[0].pointer == "/external_ids/2"


def test_a_wrong_enrolment_code_does_not_say_which_half_was_wrong() -> None:
    told = errors.EnrolmentCodeInvalid()
    assert [each.pointer for each in told.errors] == ["/code", "/date_of_birth"]
    assert len({each.message for each in told.errors}) == 1


@pytest.mark.parametrize("language", ["en", "tr"])
def test_every_code_has_a_title_in_every_language_and_no_title_lacks_its_code(
    language: str,
) -> None:
    file = Path(__file__).parents[1] / "config" / "texts" / language / "texts.toml"
    titles = tomllib.loads(file.read_text())["error"]
    assert set(titles) == {each.code for each in every_error()}
