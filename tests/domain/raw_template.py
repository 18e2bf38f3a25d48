"""A small plan template in its raw form, for tests that change it."""

from typing import Any

from recovery_service.domain.plan_templates import PlanTemplate, parse_template

FILE = "discectomy.toml"
SOURCES = {"F:fwbsi": "an address", "D": "convention"}
Raw = dict[str, Any]


def both(text: str) -> dict[str, str]:
    return {"en": text, "tr": f"{text} (tr)"}


BASIS = {"source": ["F:fwbsi"], "grade": "C"}
RAW: Raw = {
    "code": "discectomy",
    "version": 1,
    "procedure": "lumbar_microdiscectomy",
    "variant": "restricted_6w",
    "default": True,
    "title": both("Discectomy"),
    "status": "draft_pending_clinician_signoff",
    "typical_stay_days": 1,
    "phases": [
        {"code": "protect", "title": both("Protect"), "from_day": 0, "to_day": 14},
        {"code": "activate", "title": both("Activate"), "from_day": 15, "to_day": 42},
    ],
    "items": [
        {
            "code": "walk",
            "kind": "walking",
            "phase": "protect",
            "title": both("Walk"),
            "instructions": both("Walk a little"),
            "dose": {"minutes": 5, "times_per_day": 6, "note": both("or more")},
            "rule": {
                "anchor": "surgery",
                "from_day": 3,
                "to_day": 14,
                "every_days": 1,
                "slots": {"morning": "09:00", "evening": "17:30"},
                "valid_for_minutes": 240,
                "priority": 5,
            },
            "media": [
                {"url": "https://media.test/w.mp4", "type": "video/mp4", "alt": both("Walk")}
            ],
            **BASIS,
        },
        {
            "code": "book_wound_check",
            "kind": "follow_up",
            "appointment": "wound_check",
            "title": both("Book"),
            "instructions": both("Please book"),
            "rule": {
                "anchor": "surgery",
                "from_day": 10,
                "slots": {"morning": "09:00"},
                "valid_for_minutes": 10080,
            },
            **BASIS,
        },
    ],
    "restrictions": [
        {
            "code": "lift",
            "limit": 4.5,
            "unit": "kg",
            "range_seen": [2.3, 4.5],
            "from_day": 0,
            "to_day": 42,
            "text": both("Lift little"),
            "clinician_must_confirm": True,
            "why_confirm": both("Sources differ"),
            **BASIS,
        },
        {"code": "drive", "from_day": 0, "text": both("Do not drive"), **BASIS},
    ],
    "appointments": [
        {
            "code": "wound_check",
            "title": both("Wound check"),
            "target_day": 12,
            "window_from": 10,
            "window_to": 14,
            "mode": "in_person",
            **BASIS,
        }
    ],
    "questionnaires": [
        {"code": "prom_day_0", "target_day": 0, "window_from": -7, "window_to": 7, **BASIS}
    ],
}


def parse(raw: Raw) -> PlanTemplate:
    return parse_template(raw, file=FILE, sources=SOURCES)
