"""Versions as apps write them."""

import pytest

from recovery_service.domain.app_versions import AppVersions, version_of


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("2.1.0", (2, 1)),
        ("v2.1", (2, 1)),
        (" 2.1.0-beta+7 ", (2, 1)),
        ("2.1 (build 9)", (2, 1)),
        ("10", (10,)),
        ("0.0.0", (0,)),
        ("1.2.3.4", (1, 2, 3, 4)),
        ("1.2.3.4.5", None),
        ("beta", None),
        ("", None),
        ("1" * 40, None),
    ],
)
def test_a_version_is_the_numbers_it_begins_with(text: str, numbers: object) -> None:
    assert version_of(text) == numbers


def test_numbers_are_compared_as_numbers() -> None:
    versions = AppVersions(required={"ios": "1.10.0"})
    assert versions.update_for("ios", "1.9.0") == ("required", "1.10.0")
    assert versions.update_for("IOS", "1.10") is None
    assert versions.update_for("apns", "1.11") is None
    assert versions.update_for("android", "0.1") is None
    assert versions.update_for(None, None) is None
