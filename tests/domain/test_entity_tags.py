"""`If-Match` after RFC 9110, 13.1.1."""

import pytest

from recovery_service.domain.entity_tags import BadEntityTag, content_tag, matches


@pytest.mark.parametrize(
    ("condition", "matched"),
    [
        ('"v7"', True),
        (' "v7" ', True),
        ("*", True),
        (" * ", True),
        ('"v6", "v7"', True),
        ('"v6","v7",', True),
        (', "v7"', True),
        ('W/"v6", "v7"', True),
        ('"v6"', False),
        ('W/"v7"', False),
        ('"v6", W/"v7"', False),
        ('"v77"', False),
        ('"V7"', False),
        ('"v6,"', False),
        ('""', False),
        ('"*"', False),
    ],
)
def test_a_condition_is_compared_strongly_with_each_tag(
    condition: str,
    matched: bool,
) -> None:
    assert matches(condition, "v7") is matched


@pytest.mark.parametrize(
    "condition", ["", "v7", '"v7', "'v7'", '*, "v7"', '"v7" "v8"', 'w/"v7"', '"v 7"', ",", "7"]
)
def test_what_is_no_list_of_tags_is_said_to_be_none(condition: str) -> None:
    with pytest.raises(BadEntityTag):
        matches(condition, "v7")


def test_a_tag_of_content_tells_apart_what_reads_alike() -> None:
    tags = [["ab", "c"], ["a", "bc"], ["abc"], [], ["", "abc"], ["abc", ""]]
    assert len({content_tag(facts) for facts in tags}) == len(tags)
    assert content_tag(["ab", "c"]) == content_tag(["ab", "c"])


def test_a_long_list_is_refused_at_once() -> None:
    """Planted: spaces that can belong to two places of the list; this then takes for ever."""
    with pytest.raises(BadEntityTag):
        matches('"v1"' + (", " * 4 + "  ") * 500 + "x", "v7")
