"""A template that a plan could not carry is refused, by file and item."""

import contextlib
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from recovery_service.domain.plan_templates import ContentError, parse_template
from tests.domain.raw_template import FILE, RAW, SOURCES, Raw, both, parse


def planted(change: Callable[[Raw], object]) -> Raw:
    raw = deepcopy(RAW)
    change(raw)
    return raw


def put(section: str, place: int, **fields: Any) -> Callable[[Raw], object]:
    return lambda raw: raw[section][place].update(fields)


def drop(section: str, place: int, key: str) -> Callable[[Raw], object]:
    return lambda raw: raw[section][place].pop(key)


def put_rule(place: int, **fields: Any) -> Callable[[Raw], object]:
    return lambda raw: raw["items"][place]["rule"].update(fields)


def again(section: str) -> Callable[[Raw], object]:
    return lambda raw: raw[section].append(deepcopy(raw[section][0]))


REFUSALS: list[tuple[str, Callable[[Raw], object], str, str]] = [
    ("unknown key", lambda raw: raw.update(color="red"), "template", "unknown key 'color'"),
    ("unknown procedure", lambda r: r.update(procedure="knee"), "template", "unknown procedure"),
    ("approved by nobody", lambda r: r.update(status="approved"), "template", "unknown status"),
    ("version 0", lambda r: r.update(version=0), "template", "version must be"),
    ("version true", lambda r: r.update(version=True), "template", "version must be"),
    ("no version", lambda r: r.pop("version"), "template", "missing version"),
    ("spaces in the code", lambda r: r.update(code="a b"), "template", "code must be made of"),
    ("no title", lambda r: r.update(title="Disc"), "template", "title must have a text in each"),
    ("stay of 91", lambda r: r.update(typical_stay_days=91), "template", "typical_stay_days"),
    ("default unsaid", lambda r: r.update(default="yes"), "template", "default must be true"),
    ("no items", lambda r: r.update(items=[]), "template", "has no items"),
    ("items no list", lambda r: r.update(items="walk"), "template", "items must be a list"),
    ("an item no table", lambda r: r.update(items=["walk"]), "template", "items/0 must be a table"),
    ("no phases", lambda r: r.update(phases=[]), "template", "has no phases"),
    ("phase gap", put("phases", 1, from_day=16), "phases/activate", "wrong day range"),
    ("phase backwards", put("phases", 1, to_day=14), "phases/activate", "wrong day range"),
    ("phase overlap", put("phases", 1, from_day=14), "phases/activate", "wrong day range"),
    ("phase twice", again("phases"), "phases/protect", "duplicate code"),
    ("item twice", again("items"), "items/walk", "duplicate code"),
    ("item without code", drop("items", 0, "code"), "items/0", "missing code"),
    ("unknown item key", put("items", 0, doze={}), "items/walk", "unknown key 'doze'"),
    ("unknown kind", put("items", 0, kind="yoga"), "items/walk", "unknown kind 'yoga'"),
    ("medication", put("items", 0, kind="medication"), "items/walk", "unknown kind"),
    ("unknown phase", put("items", 0, phase="rest"), "items/walk", "unknown phase 'rest'"),
    ("no Turkish", put("items", 0, title={"en": "Walk"}), "items/walk", "no translation to 'tr'"),
    ("blank", put("items", 0, title={"en": "Walk", "tr": " "}), "items/walk", "no translation"),
    ("German", put("items", 0, title=both("W") | {"de": "W"}), "items/walk", "unknown language"),
    ("no instructions", drop("items", 0, "instructions"), "items/walk", "missing instructions"),
    ("no rule", drop("items", 0, "rule"), "items/walk", "missing rule"),
    ("rule no table", put("items", 0, rule="daily"), "items/walk", "rule must be a table"),
    ("day 15", put_rule(0, to_day=15), "items/walk", "wrong day range: protect is days 0 to 14"),
    ("before its phase", put("items", 0, phase="activate"), "items/walk", "wrong day range"),
    ("backwards", put_rule(0, to_day=2), "items/walk", "rule/to_day"),
    ("on day 0", put_rule(0, from_day=0), "items/walk", "day 0 is the operation"),
    ("discharge", put_rule(0, anchor="discharge"), "items/walk", "must count from surgery"),
    ("25 o'clock", put_rule(0, slots={"morning": "25:00"}), "items/walk", "rule/slots/morning"),
    ("unknown rule key", put_rule(0, every="day"), "items/walk", "rule/every"),
    ("priority 10", put_rule(0, priority=10), "items/walk", "rule/priority"),
    ("once, two days", put_rule(1, to_day=11), "items/book_wound_check", "exactly one day"),
    (
        "once, two slots",
        put_rule(1, slots={"a": "09:00", "b": "10:00"}),
        "items/book_wound_check",
        "exactly one slot",
    ),
    (
        "books nothing that is there",
        put("items", 1, appointment="mri"),
        "items/book_wound_check",
        "'mri' must be an appointment",
    ),
    ("a walk that books", put("items", 0, appointment="wound_check"), "items/walk", "follow_up"),
    ("no source", drop("items", 0, "source"), "items/walk", "missing source"),
    ("empty source", put("items", 0, source=[]), "items/walk", "missing source"),
    ("unknown source", put("items", 0, source=["F:me"]), "items/walk", "unknown source 'F:me'"),
    ("unknown grade", put("items", 0, grade="E"), "items/walk", "unknown grade 'E'"),
    ("D unconfirmed", put("items", 0, grade="D"), "items/walk", "clinician_must_confirm must be"),
    (
        "a reason alone",
        put("items", 0, why_confirm=both("differs")),
        "items/walk",
        "clinician_must_confirm must be",
    ),
    ("no minutes", put("items", 0, dose={"minutes": 0}), "items/walk", "minutes must be"),
    ("dose of pills", put("items", 0, dose={"pills": 2}), "items/walk", "unknown key 'pills'"),
    ("plain http", put("items", 0, media=[{"url": "http://x"}]), "items/walk", "must be https"),
    (
        "a film for the seeing only",
        put("items", 0, media=[{"url": "https://x.test", "type": "video/mp4"}]),
        "items/walk",
        "missing alt",
    ),
    ("a digest", put("items", 0, media=[RAW["items"][0]["media"][0] | {"sha256": "12"}]),
     "items/walk", "sha256 must be"),
    ("no bytes", put("items", 0, media=[RAW["items"][0]["media"][0] | {"bytes": 0}]),
     "items/walk", "bytes must be"),
    ("media no table", put("items", 0, media=["film"]), "items/walk", "media/0 must be a table"),
    ("limit alone", drop("restrictions", 0, "unit"), "restrictions/lift", "belong together"),
    ("in pounds", put("restrictions", 0, unit="lb"), "restrictions/lift", "unknown unit 'lb'"),
    ("less than 0", put("restrictions", 0, limit=-1), "restrictions/lift", "limit must be"),
    ("NaN", put("restrictions", 0, limit=float("nan")), "restrictions/lift", "limit must be"),
    ("seen", put("restrictions", 0, range_seen=[4.5, 2.3]), "restrictions/lift", "range_seen"),
    ("three", put("restrictions", 0, range_seen=[1, 2, 3]), "restrictions/lift", "range_seen"),
    ("ends first", put("restrictions", 0, from_day=43), "restrictions/lift", "wrong day range"),
    ("lift twice", again("restrictions"), "restrictions/lift", "overlaps another lift"),
    ("for ever, twice", lambda r: r["restrictions"].append(dict(r["restrictions"][1], from_day=9)),
     "restrictions/drive", "overlaps another drive"),
    ("no text", drop("restrictions", 1, "text"), "restrictions/drive", "missing text"),
    ("early", put("appointments", 0, target_day=9), "appointments/wound_check", "wrong day range"),
    ("by post", put("appointments", 0, mode="post"), "appointments/wound_check", "unknown mode"),
    ("visit twice", again("appointments"), "appointments/wound_check", "duplicate code"),
    ("asked twice", again("questionnaires"), "questionnaires/prom_day_0", "duplicate code"),
    (
        "baseline late",
        put("questionnaires", 0, target_day=8),
        "questionnaires/prom_day_0",
        "wrong day range",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "item", "message"),
    [refusal[1:] for refusal in REFUSALS],
    ids=[refusal[0] for refusal in REFUSALS],
)
def test_a_fault_is_refused_with_its_file_and_item(
    change: Callable[[Raw], object], item: str, message: str
) -> None:
    with pytest.raises(ContentError) as refused:
        parse(planted(change))
    assert (refused.value.file, refused.value.item) == (FILE, item)
    assert message in refused.value.message
    assert str(refused.value).startswith(f"{FILE}: {item}: ")


def test_a_template_is_read_as_it_is_written() -> None:
    template = parse(RAW)
    walk, booking = template.items
    assert (walk.dose["minutes"], walk.rule.minutes, walk.phase) == (5, (540, 1050), "protect")
    assert (booking.rule.identity, booking.appointment) == ("once", "wound_check")
    lift, drive = template.restrictions
    assert (lift.limit, lift.unit, lift.range_seen) == (4.5, "kg", (2.3, 4.5))
    assert (drive.limit, drive.to_day, drive.clinician_must_confirm) == (None, None, False)
    assert template.phases[0].as_json() == RAW["phases"][0]


def test_what_the_rule_leaves_open_its_kind_decides() -> None:
    raw = planted(
        lambda r: (r["items"][0].update(kind="posture"), r["items"][0]["rule"].pop("priority"))
    )
    rule = parse(raw).items[0].rule
    assert (rule.quiet, rule.priority) == ("drop", 7)


@pytest.mark.parametrize(
    ("day", "phase"),
    [(-1, None), (0, "protect"), (14, "protect"), (15, "activate"), (42, "activate"), (43, None)],
)
def test_each_day_has_its_phase(day: int, phase: str | None) -> None:
    found = parse(RAW).phase_on(day)
    assert (found.code if found else None) == phase


def test_the_hash_is_of_the_content_and_not_of_its_order() -> None:
    shuffled = dict(reversed(RAW.items()))
    assert parse(shuffled).content_hash == parse(RAW).content_hash
    edited = planted(lambda r: r["items"][0]["dose"].update(minutes=6))
    assert parse(edited).content_hash != parse(RAW).content_hash


def test_a_copy_can_be_edited_without_touching_the_template() -> None:
    template = parse(RAW)
    copy = template.as_json()
    copy["items"][0]["title"]["en"] = "Run"
    assert parse(template.as_json()) == template
    assert template.raw["items"][0]["title"]["en"] == "Walk"


def test_only_a_plan_of_practical_items_does_without_a_surgery_date() -> None:
    def practical(raw: Raw) -> None:
        raw.update(restrictions=[], appointments=[], questionnaires=[])
        raw["items"] = [
            raw["items"][0] | {"rule": raw["items"][0]["rule"] | {"anchor": "discharge"}}
        ]
        del raw["items"][0]["phase"]

    assert parse(RAW).counts_from_surgery()
    assert not parse(planted(practical)).counts_from_surgery()


@pytest.mark.parametrize(
    "odd", [None, True, -1, 10**40, float("nan"), "", "x", [], [[]], {}, {"x": 1}, date(2026, 1, 1)]
)
def test_whatever_stands_in_a_field_is_read_or_refused_and_nothing_else(odd: object) -> None:
    """A clinic's own template comes from outside: no value of it may raise another error."""
    for path in every_path(RAW):
        raw = deepcopy(RAW)
        *way, last = path
        target: Any = raw
        for step in way:
            target = target[step]
        target[last] = odd
        with contextlib.suppress(ContentError):
            json.dumps(parse(raw).as_json(), allow_nan=False)


def test_what_is_no_table_is_no_template() -> None:
    with pytest.raises(ContentError, match="must be a table"):
        parse_template([], file=FILE, sources=SOURCES)  # type: ignore[arg-type]


def every_path(raw: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Walk all places of nested content, each before what it holds."""
    steps = (
        raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    )
    for step, value in steps:
        yield (*above, step)
        yield from every_path(value, (*above, step))
