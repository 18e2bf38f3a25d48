"""Passwords: long ones whole, easy ones refused, and no sign of who has an account."""

import pytest

from recovery_service.errors import InvalidField
from recovery_service.services import passwords
from recovery_service.services.passwords import (
    LONGEST,
    SHORTEST,
    hash_password,
    require_strong,
    verify_password,
)

LONG = "".join(chr(0x11F + number) for number in range(72))


def test_a_password_differs_at_its_seventy_third_character() -> None:
    stored = hash_password(LONG + "a")
    assert verify_password(stored, LONG + "a")
    assert not verify_password(stored, LONG + "b")


@pytest.mark.parametrize("password", [LONG, "şifre değil ama uzun bir cümle", "x1 y2 z3 q4 w5 e"])
def test_long_and_unicode_passwords_are_taken_as_they_are(password: str) -> None:
    require_strong(password)


@pytest.mark.parametrize(
    "password",
    [
        "x7" * 7,
        "k3" * (LONGEST // 2 + 1),
        "a" * SHORTEST,
        "passwordpassword",
        "123456789123456",
        "ada.example-ada.example",
        "RecoveryService1",
    ],
)
def test_short_and_easy_passwords_are_refused(password: str) -> None:
    with pytest.raises(InvalidField) as refused:
        require_strong(password, about=("ada.example",))
    assert refused.value.pointer == "/password"


def test_an_unknown_account_costs_one_hash_as_a_known_one_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = hash_password("correct horse battery staple")
    verify_password(None, "warm")
    counted: list[str] = []
    hasher = passwords._hasher

    class Counting:
        def verify(self, hashed: str, given: str) -> bool:
            counted.append(hashed[:40])
            return hasher.verify(hashed, given)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    for known in (stored, None):
        assert not verify_password(known, "wrong")
    assert len(counted) == 2
    assert counted[0].split("$")[3] == counted[1].split("$")[3]  # the same cost


def test_the_password_of_nobody_opens_nothing() -> None:
    assert not verify_password(None, "nobody has this password")


def test_a_hash_of_other_parameters_is_made_anew() -> None:
    assert hash_password("x").startswith("$argon2id$")
    assert not passwords.needs_rehash(hash_password("x"))
    assert passwords.needs_rehash("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNo")
