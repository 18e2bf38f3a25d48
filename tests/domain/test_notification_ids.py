"""Ids of notifications: reversible for us, meaningless to everybody else."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery_service.domain.keys import Keys
from recovery_service.domain.notification_ids import (
    LENGTH,
    MalformedNotificationId,
    decode,
    encode,
)

KEYS = Keys("a secret of these tests")
CLINIC, OTHER = UUID(int=1), UUID(int=2)
NUMBERS = st.integers(min_value=0, max_value=2**63 - 1)


@given(NUMBERS)
def test_an_id_leads_back_to_its_delivery(number: int) -> None:
    text = encode(KEYS, CLINIC, number)
    assert decode(KEYS, CLINIC, text) == number
    assert len(text) == LENGTH
    assert text.replace("-", "").replace("_", "").isalnum()


@given(NUMBERS)
def test_an_id_of_another_clinic_or_secret_is_refused(number: int) -> None:
    text = encode(KEYS, CLINIC, number)
    with pytest.raises(MalformedNotificationId):
        decode(KEYS, OTHER, text)
    with pytest.raises(MalformedNotificationId):
        decode(Keys("another secret"), CLINIC, text)


@given(NUMBERS, st.integers(0, LENGTH - 1), st.sampled_from("AQgw059_-"))
def test_a_changed_character_is_refused(number: int, at: int, letter: str) -> None:
    """Planted: compare only the first byte of the tag, and one in 256 gets through."""
    text = encode(KEYS, CLINIC, number)
    changed = text[:at] + letter + text[at + 1 :]
    if changed != text:
        with pytest.raises(MalformedNotificationId):
            decode(KEYS, CLINIC, changed)


@given(st.text(max_size=40))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(MalformedNotificationId):
        decode(KEYS, CLINIC, text)


def test_neighbours_have_nothing_in_common() -> None:
    """An id says neither which number it is nor how far it is from another."""
    ids = [encode(KEYS, CLINIC, number) for number in range(200)]
    assert len({each[:6] for each in ids}) == len({each[-6:] for each in ids}) == len(ids)


@pytest.mark.parametrize("number", [-1, 2**63])
def test_what_is_no_key_has_no_id(number: int) -> None:
    with pytest.raises(ValueError, match="key"):
        encode(KEYS, CLINIC, number)
