"""What a clinician approves: every content file, each by a hash that any value changes."""

import tomllib
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from config.content import FOLDER, read_content
from recovery_service.domain.content import Content
from recovery_service.domain.content_changes import ContentChange, changes_between
from recovery_service.domain.content_pieces import FILES_BY_KIND, shared_pieces, template_piece
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.plan_templates import content_hash
from tests.content_releases import another_word, changed_content, one_minute_more

RAW = read_content()
CONTENT = Content.parse(RAW)


def hashes(content: Content) -> dict[str, str]:
    pieces = [*shared_pieces(content)]
    pieces += [template_piece(each) for each in content.templates.values()]
    return {piece.code: piece.content_hash for piece in pieces}


def test_every_file_of_content_is_a_piece_so_that_none_is_forgotten() -> None:
    """A new file under config needs one entry here. Planted: crisis_words left out."""
    files = RAW.keys() - {"plan_templates", "sources", "texts"}
    assert set(FILES_BY_KIND.values()) == files
    assert set(hashes(CONTENT)) == files | set(CONTENT.templates)


def test_every_kind_has_a_name_in_every_language() -> None:
    for language in LANGUAGES:
        for kind in (*FILES_BY_KIND, "plan_template"):
            assert CONTENT.texts[language][f"content_kind.{kind}"]
    assert all(piece.title.keys() == set(LANGUAGES) for piece in shared_pieces(CONTENT))


def test_the_forms_hash_is_the_one_that_its_answers_carry() -> None:
    form = shared_pieces(CONTENT)[0]
    assert form.content_hash == CONTENT.check_ins.content_hash
    assert CONTENT.check_ins.form_version.endswith(form.content_hash[:12])


@pytest.mark.parametrize("name", sorted(FILES_BY_KIND.values()))
def test_comments_and_the_order_of_keys_change_no_hash(name: str) -> None:
    files = [path.read_text(encoding="utf-8") for path in FOLDER.glob("*.toml")]
    (written,) = [text for text in files if tomllib.loads(text) == RAW[name]]
    commented = tomllib.loads("# looked at\n" + written.replace("\n\n", "\n\n# a remark\n\n", 1))
    assert content_hash(commented) == CONTENT.files[name].content_hash
    turned = {key: commented[key] for key in reversed(commented)}
    assert content_hash(turned) == CONTENT.files[name].content_hash


def values_of(raw: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(raw, dict | list):
        for key in raw if isinstance(raw, dict) else range(len(raw)):
            yield from values_of(raw[key], (*place, key))
    else:
        yield place


@pytest.mark.parametrize("name", sorted(FILES_BY_KIND.values()))
def test_any_value_of_a_file_changes_its_hash(name: str) -> None:
    """Each in turn. Planted: a hash over the values without the keys, or of the first level."""
    raw = deepcopy(RAW[name])
    seen = {content_hash(raw)}
    places = list(values_of(raw))
    for place in places:
        *way, last = place
        table = raw
        for step in way:
            table = table[step]
        kept = table[last]
        table[last] = not kept if isinstance(kept, bool) else kept * 2 + type(kept)("1")
        seen.add(content_hash(raw))
        table[last] = kept
    assert len(seen) == len(places) + 1


def test_a_change_touches_the_piece_it_is_in_and_no_other() -> None:
    before = hashes(CONTENT)
    for change, code in (
        (one_minute_more, "lumbar_microdiscectomy_restricted_6w"),
        (another_word, "red_flags"),
    ):
        after = hashes(changed_content(change))
        assert {name for name in before if before[name] != after[name]} == {code}


def test_changes_are_told_by_their_place() -> None:
    before = {"version": 1, "items": [{"code": "a", "n": 1}, {"code": "b", "n": 2}], "days": [1, 2]}
    after = {"version": 1.0, "items": [{"code": "b", "n": 3}, {"code": "c"}], "days": [1, 2, 3]}
    assert changes_between(before, before) == ()
    assert [(one.place, one.before, one.after) for one in changes_between(before, after)] == [
        ("days/2", None, 3),
        ("items/a", {"code": "a", "n": 1}, None),
        ("items/b/n", 2, 3),
        ("items/c", None, {"code": "c"}),
        ("version", 1, 1.0),
    ]


def test_a_new_order_is_a_change_too() -> None:
    first, second = {"code": "a"}, {"code": "b"}
    assert changes_between({"items": [first, second]}, {"items": [second, first]}) == (
        ContentChange(place="items/order", before=["a", "b"], after=["b", "a"]),
    )


@pytest.mark.parametrize("change", [one_minute_more, another_word])
def test_whatever_changes_a_hash_is_among_the_changes(change: Any) -> None:
    changed = deepcopy(RAW)
    change(changed)
    assert len(changes_between(RAW, changed)) == 1
    assert changes_between(RAW, RAW) == ()
