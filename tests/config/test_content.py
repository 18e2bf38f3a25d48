"""What the content files say, file by file, and against the clinical sources."""

import re
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from config.content import FOLDER, ContentUnreadableError, read_content
from recovery_service.domain.content import Content
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.plan_templates import PlanTemplate, TemplateItem, parse_template
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.errors import every_error

RAW = read_content()
CONTENT = Content.parse(RAW)
FILES = sorted(RAW["plan_templates"])
SHELLS = ("deformity_correction", "spinal_tumour")
COMPLETE = sorted(CONTENT.templates.keys() - set(SHELLS))
LAST_DAY = 790


@pytest.mark.parametrize("file", FILES)
def test_a_template_loads_with_every_day_translation_and_source_in_order(file: str) -> None:
    template = parse_template(RAW["plan_templates"][file], file=file, sources=CONTENT.sources)
    for item in template.items:
        assert item.title.keys() == item.instructions.keys() == set(LANGUAGES)
        assert 0 <= item.rule.from_day <= (item.rule.to_day or 0) <= LAST_DAY
        assert set(item.source) <= CONTENT.sources.keys()
    assert template.status == "draft_pending_clinician_signoff"
    assert parse_template(template.as_json(), file=file, sources=CONTENT.sources) == template


def test_there_is_a_template_for_every_procedure_and_two_for_discectomy() -> None:
    assert {name: len(CONTENT.templates_for(name)) for name in PROCEDURES} == {
        **dict.fromkeys(PROCEDURES, 1),
        "lumbar_microdiscectomy": 2,
    }
    first, second = CONTENT.templates_for("lumbar_microdiscectomy")
    assert (first.variant, second.variant) == ("restricted_6w", "early_return_2w")


def test_no_source_is_listed_that_nothing_could_have_named() -> None:
    assert all(re.fullmatch(r"D|[FM]:[a-z0-9_-]{2,30}", key) for key in CONTENT.sources)


LIFTS = {
    "lumbar_microdiscectomy_restricted_6w": [(0, 2, 0), (3, 42, 4.5), (43, 84, 10)],
    "lumbar_microdiscectomy_early_return_2w": [(0, 2, 0), (3, 14, 4.5)],
    "lumbar_decompression": [(0, 4, 0), (5, 42, 4.5), (43, 84, 10)],
    "lumbar_fusion_mis": [(0, 3, 0), (4, 42, 2.5), (43, 84, 2.5)],
    "cervical_anterior": [(0, 14, 2.3), (15, 42, 6.8), (43, 84, 10)],
    "vertebral_augmentation": [(0, 90, 4.5)],
    "deformity_correction": [],
    "spinal_tumour": [],
}


@pytest.mark.parametrize(("code", "expected"), LIFTS.items())
def test_lifting_limits_in_kilograms_are_those_of_the_sources(
    code: str, expected: list[tuple[int, int, float]]
) -> None:
    found = [r for r in CONTENT.template(code).restrictions if r.code == "lift"]
    assert [(r.from_day, r.to_day, r.limit) for r in found] == expected
    assert {r.unit for r in found} <= {"kg"}


SITTING = {
    "lumbar_microdiscectomy_restricted_6w": [(0, 2, 20), (3, 14, 30)],
    "lumbar_fusion_mis": [(0, 14, 20)],
}


@pytest.mark.parametrize(("code", "expected"), SITTING.items())
def test_sitting_limits_in_minutes_are_the_cautious_ones(
    code: str, expected: list[tuple[int, int, float]]
) -> None:
    found = [r for r in CONTENT.template(code).restrictions if r.code == "sit"]
    assert [(r.from_day, r.to_day, r.limit) for r in found] == expected


WINDOWS = {
    "phone_check": (3, 2, 5),
    "wound_check": (12, 10, 14),
    "surgeon_1": (14, 10, 21),
    "surgeon_2": (42, 35, 56),
    "surgeon_3": (90, 77, 104),
    "surgeon_4": (180, 150, 210),
    "surgeon_5": (365, 330, 420),
    "surgeon_6": (730, 670, 790),
}
PHYSIOTHERAPY = {
    "lumbar_microdiscectomy_restricted_6w": (28, 14, 42),
    "lumbar_microdiscectomy_early_return_2w": (28, 14, 42),
    "lumbar_decompression": (28, 14, 42),
    "lumbar_fusion_mis": (43, 29, 57),
    "cervical_anterior": (35, 21, 49),
    "vertebral_augmentation": (21, 7, 35),
}
LONG_FOLLOW_UP = ("lumbar_fusion_mis", "cervical_anterior")


@pytest.mark.parametrize("code", sorted(CONTENT.templates))
def test_appointments_have_the_days_and_windows_of_the_sources(code: str) -> None:
    expected = dict(WINDOWS)
    if code in SHELLS:
        expected = {"wound_check": WINDOWS["wound_check"]}
    elif code not in LONG_FOLLOW_UP:
        expected = {name: WINDOWS[name] for name in list(WINDOWS)[:4]}
    if code in PHYSIOTHERAPY:
        expected["pt_start"] = PHYSIOTHERAPY[code]
    assert {
        one.code: (one.target_day, one.window_from, one.window_to)
        for one in CONTENT.template(code).appointments
    } == expected


@pytest.mark.parametrize("code", sorted(CONTENT.templates))
def test_every_appointment_that_is_not_optional_is_asked_for_once_when_its_window_opens(
    code: str,
) -> None:
    template = CONTENT.template(code)
    asked = {item.appointment: item.rule.from_day for item in template.items if item.appointment}
    opens = {one.code: one.window_from for one in template.appointments}
    assert asked.items() <= opens.items()
    assert {one.code for one in template.appointments if not one.optional} <= asked.keys()


@pytest.mark.parametrize("code", sorted(CONTENT.templates))
def test_questionnaires_are_due_on_the_seven_days(code: str) -> None:
    days = [one.target_day for one in CONTENT.template(code).questionnaires]
    assert days == [0, 14, 42, 90, 180, 365, 730]


@pytest.mark.parametrize("code", SHELLS)
def test_a_shell_has_no_exercise_and_no_restriction(code: str) -> None:
    template = CONTENT.template(code)
    assert {item.kind for item in template.items} == {"check_in", "education", "follow_up"}
    assert template.restrictions == ()
    assert template.typical_stay_days is None


@pytest.mark.parametrize("code", sorted(CONTENT.templates))
def test_the_check_in_items_speak_on_the_days_on_which_the_form_is_due(code: str) -> None:
    spoken = {
        day
        for item in CONTENT.template(code).items
        if item.kind == "check_in"
        for day in _days(item)
    }
    assert spoken == {day for day in range(1, 85) if CONTENT.check_ins.is_due(day)}
    assert len(spoken) == 14 + 14 + 6


@pytest.mark.parametrize("code", COMPLETE)
def test_driving_is_never_cleared_by_a_date(code: str) -> None:
    [driving] = [r for r in CONTENT.template(code).restrictions if r.code == "drive"]
    assert driving.to_day is None
    assert driving.clinician_must_confirm


@pytest.mark.parametrize("code", COMPLETE)
def test_habits_need_few_pushes_a_day(code: str) -> None:
    """At most 3 in week 1, 2 to week 6, 1 after; what falls together is one push."""
    template = CONTENT.template(code)
    for day in range(1, 366):
        pushes = len(_bundles(template, day))
        assert pushes <= (3 if day <= 7 else 2 if day <= 42 else 1), f"day {day}"


@pytest.mark.parametrize("code", sorted(CONTENT.templates))
def test_sitting_breaks_are_left_to_the_device_and_capped(code: str) -> None:
    breaks = [i for i in CONTENT.template(code).items if i.code.startswith("sitting_break")]
    assert all(i.rule.remind_via == "device" for i in breaks)
    assert all(i.dose["max_prompts_per_day"] == 6 for i in breaks)
    assert len(breaks) == (0 if code in SHELLS else 2)


@pytest.mark.parametrize("code", COMPLETE)
def test_sitting_breaks_come_every_half_hour_for_six_weeks_and_for_twelve_after_fusion(
    code: str,
) -> None:
    items = {item.code: item for item in CONTENT.template(code).items}
    half_hours, later = items["sitting_break"].rule, items["sitting_break_45"].rule
    assert half_hours.to_day == (84 if code == "lumbar_fusion_mis" else 42)
    assert later.from_day == half_hours.to_day + 1
    assert {b - a for a, b in zip(half_hours.minutes, half_hours.minutes[1:], strict=False)} == {30}
    assert {b - a for a, b in zip(later.minutes, later.minutes[1:], strict=False)} == {45}


FORBIDDEN = re.compile(
    r"ibuprofen|naproxen|diclofenac|aspirin|nsaid|anti-inflammatory|iltihap giderici"
    r"|correct posture|doğru postür",
    re.IGNORECASE,
)


@pytest.mark.parametrize("file", FILES)
def test_no_text_advises_a_medicine_or_claims_a_correct_posture(file: str) -> None:
    texts = "\n".join(_strings(RAW["plan_templates"][file]))
    assert not FORBIDDEN.search(texts)


def test_every_error_has_a_title_in_every_language() -> None:
    for language in LANGUAGES:
        for error in every_error():
            assert CONTENT.text(f"error.{error.code}", language)


def test_every_kind_procedure_and_phase_has_a_name() -> None:
    phases = {phase.code for one in CONTENT.templates.values() for phase in one.phases}
    kinds = {item.kind for one in CONTENT.templates.values() for item in one.items} | {"medication"}
    named = CONTENT.texts["en"].keys()
    assert {f"phase.{phase}" for phase in phases} <= named
    assert {f"procedure.{name}" for name in PROCEDURES} <= named
    assert {f"kind.{kind}" for kind in kinds} <= named


def test_the_same_words_are_not_left_untranslated() -> None:
    same = {key for key, text in CONTENT.texts["en"].items() if CONTENT.texts["tr"][key] == text}
    assert same == set()


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    (tmp_path / "plan_templates").mkdir()
    (tmp_path / "plan_templates" / "broken.toml").write_text("code = ", encoding="utf-8")
    with pytest.raises(ContentUnreadableError, match=r"broken\.toml"):
        read_content(tmp_path)


def test_every_shipped_file_is_read() -> None:
    shipped = {path.name for path in (FOLDER / "plan_templates").iterdir()}
    assert set(FILES) == {name for name in shipped if name.endswith(".toml")} == shipped


def _days(item: TemplateItem) -> range:
    assert item.rule.every is not None
    assert item.rule.to_day is not None
    return range(item.rule.from_day, item.rule.to_day + 1, item.rule.every)


def _bundles(template: PlanTemplate, day: int) -> list[int]:
    """Return the quarter hours of the day in which habits are pushed.

    One-offs wait for another day when the budget is spent, so they do not count;
    items of some weekdays are taken as due on every day, which is the worst case.
    """
    minutes = sorted(
        minute
        for item in template.items
        for minute in item.rule.minutes
        if item.rule.remind_via == "push"
        and item.rule.identity == "recurring"
        and (day in _days(item) if item.rule.every else _within(item, day))
    )
    return [quarter for quarter, _ in groupby(minutes, key=lambda minute: minute // 15)]


def _within(item: TemplateItem, day: int) -> bool:
    return item.rule.from_day <= day <= (item.rule.to_day or day)


def _strings(raw: Any) -> list[str]:
    if isinstance(raw, str):
        return [raw]
    if isinstance(raw, dict):
        raw = list(raw.values())
    return [text for each in raw for text in _strings(each)] if isinstance(raw, list) else []
