"""The form by which a patient is registered, read into what the service takes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery_service.dashboard.forms import Form
from recovery_service.domain.episodes import LEVEL, SIDES, NewEpisode
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.local_time import is_zone
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.services.patients import NewPatient

CONTACT_MODES = {
    "app": "App on their phone",
    "phone": "Calls from the clinic (no smartphone)",
    "none": "Not contacted by this service",
}
LANGUAGE_NAMES = {"en": "English", "tr": "Türkçe"}
SIDE_NAMES = {"left": "Left", "right": "Right", "both": "Both sides"}
PLAN_CHOICES = {
    "publish": "Draft the plan and publish it right away",
    "draft": "Draft the plan, publish it later",
    "later": "No plan yet",
}
#: Where a refusal of the service belongs in the form.
POINTERS: Mapping[str, str] = {
    "/external_ids": "external_value",
    "/care_team": "name",
    "/effective_from": "discharge_date",
}

_MOST_LEVELS = 12
_LONGEST_LEVEL = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A patient to be registered, and what becomes of the plan at once."""

    patient: NewPatient
    plan: str


def read_registration(form: Form, *, may_publish: bool) -> Registration | None:
    """Return what was entered, or None with the problems noted in the form."""
    name = form.text("name", 200, required=True)
    born = form.day("date_of_birth", required=True)
    discharge = form.day("discharge_date", required=True)
    episode = _episode(form)
    external = _external_ids(form)
    contact_mode = form.choice("contact_mode", CONTACT_MODES)
    phone, email = form.phone("phone"), form.email("email")
    if contact_mode == "phone" and phone is None:
        form.wrong("phone", "The clinic calls this patient: a number is needed.")
    zone = _zone(form)
    locale = form.choice("locale", LANGUAGES)
    plan = form.choice("plan", PLAN_CHOICES)
    if plan == "publish" and not may_publish:
        form.wrong("plan", "Only physiotherapists and surgeons publish plans.")
    if form.problems or name is None or born is None or discharge is None:
        return None
    return Registration(
        plan=plan,
        patient=NewPatient(
            name=name,
            date_of_birth=born,
            time_zone=zone,
            locale=locale,
            contact_mode=contact_mode,
            phone=phone,
            email=email,
            external_ids=external,
            episode=NewEpisode(discharge_date=discharge, **episode),
        ),
    )


def _episode(form: Form) -> dict[str, Any]:
    side = form.value("side") or None
    if side is not None and side not in SIDES:
        form.wrong("side", "Please choose one.")
    return {
        "procedure": form.choice("procedure", PROCEDURES),
        "plan_template": form.text("plan_template", 64),
        "surgery_date": form.day("surgery_date"),
        "side": side,
        "levels": _levels(form),
    }


def _levels(form: Form) -> list[str]:
    """Return levels such as L4/5, typed with commas or spaces between them."""
    levels = re.split(r"[,;\s]+", form.text("levels", 200) or "")
    found = [level for level in levels if level]
    fits = all(len(level) <= _LONGEST_LEVEL and LEVEL.match(level) for level in found)
    if not fits or len(found) > _MOST_LEVELS:
        form.wrong("levels", "Write levels such as L4/5 or C6-7, with commas between them.")
    return found


def _zone(form: Form) -> str:
    zone = form.text("time_zone", 64, required=True) or ""
    if zone and not is_zone(zone):
        form.wrong("time_zone", "Not a known zone. Write it such as Europe/London.")
    return zone


def _external_ids(form: Form) -> list[tuple[str, str]]:
    system = form.text("external_system", 200)
    value = form.text("external_value", 200)
    if value is None:
        return []
    if system is None:
        form.wrong("external_system", "Say whose number this is.")
        return []
    return [(system, value)]
