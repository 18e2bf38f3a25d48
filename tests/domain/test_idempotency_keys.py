"""Which headers carry a key, and which key that is."""

import pytest

from recovery_service.domain.idempotency_keys import BadIdempotencyKey, read_key

UUID = "8e03978e-40d5-43e8-bc93-6894a57f9324"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (f'"{UUID}"', UUID),
        (UUID, UUID),
        (f'  "{UUID}" ', UUID),
        (f'"{UUID}"; v=1', UUID),
        (r'"a\"b\\c"', r"a\"b\\c".replace("\\\\", "\\").replace('\\"', '"')),
        ("x", "x"),
        ('"a,b;c"', "a,b;c"),
        ("a" * 255, "a" * 255),
        ('"' + "a" * 255 + '"', "a" * 255),
    ],
)
def test_a_key_is_the_same_in_quotes_and_without(header: str, key: str) -> None:
    assert read_key(header) == key


@pytest.mark.parametrize(
    "header",
    [
        '""',
        '"a',
        'a"',
        '"a" "b"',
        '"a","b"',
        '"a", "b"',
        "a,b",
        "a, b",
        "a b",
        '"a b"',
        r'"a\b"',
        "a" * 256,
        '"' + "a" * 256 + '"',
        '"é"',
        "é",
        '"a\x7f"',
        "a;b",
    ],
)
def test_what_is_no_key_is_refused_for_what_it_is(header: str) -> None:
    """Two headers arrive as one with a comma: neither of them is meant."""
    with pytest.raises(BadIdempotencyKey, match=r"quotes|visible"):
        read_key(header)
