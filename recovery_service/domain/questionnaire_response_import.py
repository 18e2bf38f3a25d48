"""Reading a FHIR R4 QuestionnaireResponse against the form that it answers.

What it says has to fit the form: link ids in their places, answers of their question's type,
nothing that is not asked. Everything else is refused with a JSON pointer into the resource; an
answer that was taken for another question would give another score.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from recovery_service.domain.fhir_elements import Faults, escaped, note_extensions
from recovery_service.domain.questionnaire_answers import check_answers
from recovery_service.domain.questionnaire_conditions import enabled
from recovery_service.domain.questionnaire_items import (
    Answer,
    FormItem,
    QuestionnaireForm,
)
from recovery_service.errors import FieldError

COMPLETED, AMENDED, IN_PROGRESS = "completed", "amended", "in-progress"
STATUSES = (COMPLETED, AMENDED, IN_PROGRESS)

_IDENTIFIERS = UUID("5f0c6a34-3f0c-5a5e-9d3b-0b7a1f7a6e11")
_LONGEST = 255
_YEARS = range(1900, 2200)
_ANY = ("id", "extension", "modifierExtension")
_RESOURCE = frozenset((
    *_ANY, "resourceType", "meta", "implicitRules", "language", "text", "identifier", "basedOn",
    "partOf", "questionnaire", "status", "subject", "encounter", "authored", "author", "source",
    "item",
))  # fmt: skip
_ITEM = frozenset((*_ANY, "linkId", "definition", "text", "answer", "item"))
_VALUES = {
    "boolean": "valueBoolean",
    "integer": "valueInteger",
    "decimal": "valueDecimal",
    "string": "valueString",
    "choice": "valueCoding",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What stands around the answers.

    `address` and `version` are those of the canonical questionnaire. `supersedes` is the
    response that an amended one corrects. `subject` is a reference, None where there is none.
    """

    id: UUID
    address: str
    version: str | None
    status: str
    authored: datetime
    subject: str | None
    supersedes: UUID | None


class ReadAnswers(NamedTuple):
    """Answers by link id as they are kept; with faults they are refused."""

    answers: Mapping[str, Answer]
    faults: tuple[FieldError, ...]


def read_envelope(raw: Mapping[str, Any]) -> tuple[Envelope | None, tuple[FieldError, ...]]:
    """Read what stands around the answers; there is an envelope where there are no faults.

    A response is known by its identifier, or by an `id` that is a UUID. An amended one is
    known by its identifier and when it was authored, and corrects the first of the identifier.
    """
    faults = Faults()
    if raw.get("resourceType") != "QuestionnaireResponse":
        faults.add("/resourceType", "Must be QuestionnaireResponse, a resource of FHIR R4.")
    _only(raw, _RESOURCE, "", faults)
    note_extensions(raw, faults)
    status = raw.get("status")
    if status not in STATUSES:
        faults.add("/status", f"Must be one of {', '.join(STATUSES)}.")
    address, version = _canonical(raw.get("questionnaire"), faults)
    authored = _instant(raw.get("authored"), faults)
    subject = _subject(raw.get("subject"), faults)
    known = _known(raw, faults)
    if status == AMENDED and "identifier" not in raw:
        faults.add("/identifier", "What is amended is found by its identifier.")
    if faults or known is None or authored is None:
        return None, tuple(faults.found)
    amended = status == AMENDED
    return Envelope(
        id=uuid5(known, authored.isoformat()) if amended else known,
        address=address,
        version=version,
        status=str(status),
        authored=authored,
        subject=subject,
        supersedes=known if amended else None,
    ), ()


def _known(raw: Mapping[str, Any], faults: Faults) -> UUID | None:
    identifier = raw.get("identifier")
    if identifier is not None:
        parts = identifier if isinstance(identifier, Mapping) else {}
        system, value = parts.get("system", ""), parts.get("value")
        if isinstance(system, str) and isinstance(value, str) and 0 < len(value) <= _LONGEST:
            return uuid5(_IDENTIFIERS, f"{system}|{value}")
        faults.add("/identifier/value", f"Must be a text of at most {_LONGEST} characters.")
        return None
    try:
        return UUID(str(raw["id"]))
    except (KeyError, ValueError):
        faults.add("/identifier", "Say by an identifier, or by an id that is a UUID, which it is.")
        return None


def _canonical(value: Any, faults: Faults) -> tuple[str, str | None]:
    if not isinstance(value, str) or not 0 < len(value) <= 2 * _LONGEST:
        faults.add("/questionnaire", "Must be the address of a questionnaire, as url|version.")
        return "", None
    address, _, version = value.partition("|")
    return address, version.partition("#")[0] or None


def _instant(value: Any, faults: Faults) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found.year not in _YEARS:
        faults.add("/authored", "Must be a date and a time with its offset.")
        return None
    return found


def _subject(value: Any, faults: Faults) -> str | None:
    if value is None:
        return None
    reference = value.get("reference") if isinstance(value, Mapping) else None
    if not isinstance(reference, str):
        faults.add("/subject/reference", "Must be a reference to the patient.")
        return None
    return reference


@dataclass
class _Reading:
    """Answers and where each stands."""

    form: QuestionnaireForm
    faults: Faults
    said: dict[str, Any]
    places: dict[str, str]
    seen: set[str]


def read_answers(
    form: QuestionnaireForm, raw: Mapping[str, Any], *, completed: bool
) -> ReadAnswers:
    """Read the items of a response; what is `completed` has every required answer.

    What is not asked of somebody with these answers (enableWhen) may not be answered.
    """
    reading = _Reading(form, Faults(), {}, {}, set())
    _walk(reading, raw, "", {item.link_id: item for item in form.items})
    checked = check_answers(form, reading.said)
    for pointer, message in checked.errors:
        name = next(each for each in reading.said if pointer == f"/answers/{escaped(each)}")
        reading.faults.add(reading.places[name], message)
    if not reading.faults:
        _fit(reading, checked.answers, completed=completed)
    return ReadAnswers(checked.answers, tuple(reading.faults.found))


def _fit(reading: _Reading, answers: Mapping[str, Answer], *, completed: bool) -> None:
    """Compare what was answered with what is asked of somebody who answers so."""
    asked = enabled(reading.form, answers)
    for name in answers.keys() - asked:
        reading.faults.add(reading.places[name], "Is not asked after these answers (enableWhen).")
    if not completed:
        return
    for name, item in reading.form.questions().items():
        if item.required and name in asked and answers.get(name) is None:
            reading.faults.add(reading.places.get(name, "/item"), f"{name} must be answered.")


def _walk(
    reading: _Reading, element: Mapping[str, Any], at: str, allowed: Mapping[str, FormItem]
) -> None:
    items = element.get("item", [])
    if not isinstance(items, list):
        reading.faults.add(f"{at}/item", "Must be a list of items.")
        return
    for number, raw in enumerate(items):
        place = f"{at}/item/{number}"
        if not isinstance(raw, Mapping):
            reading.faults.add(place, "Must be an item.")
            continue
        _only(raw, _ITEM, place, reading.faults)
        name = raw.get("linkId")
        item = allowed.get(name) if isinstance(name, str) else None
        if item is None or item.link_id in reading.seen:
            why = "Stands here twice." if item else "No item of the questionnaire in this place."
            reading.faults.add(f"{place}/linkId", why)
            continue
        reading.seen.add(item.link_id)
        below = {each.link_id: each for each in item.items}
        _walk(reading, raw, place, below)
        for answer, where in _answers(reading, raw, place, item):
            _walk(reading, answer, where, below)


def _answers(
    reading: _Reading, raw: Mapping[str, Any], at: str, item: FormItem
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Keep the answer of an item, and yield it: what stands below may stand in it."""
    listed = raw.get("answer", [])
    if not isinstance(listed, list) or len(listed) > 1 or (listed and not item.is_question):
        message = "Must be one answer." if item.is_question else "Is not to be answered."
        reading.faults.add(f"{at}/answer", message)
        return
    reading.places[item.link_id] = at
    for answer in listed:
        place = f"{at}/answer/0"
        if not isinstance(answer, Mapping):
            reading.faults.add(place, "Must be an answer.")
            continue
        wanted = _VALUES[item.type]
        _only(answer, frozenset((*_ANY, wanted, "item")), place, reading.faults)
        if wanted not in answer:
            reading.faults.add(place, f"Must have {wanted}.")
            continue
        reading.places[item.link_id] = f"{place}/{wanted}"
        _say(reading, item, answer[wanted], f"{place}/{wanted}")
        yield answer, place


def _say(reading: _Reading, item: FormItem, value: Any, at: str) -> None:
    if item.type == "choice":
        option = item.option(value.get("code")) if isinstance(value, Mapping) else None
        if option is None or value.get("system", option.system) != option.system:
            reading.faults.add(at, "Is none of the answers of the question.")
            return
        value = option.code
    elif value is None:
        reading.faults.add(at, "Must have a value.")
        return
    reading.said[item.link_id] = value


def _only(raw: Mapping[str, Any], known: frozenset[str], at: str, faults: Faults) -> None:
    for name in raw:
        if name.removeprefix("_") not in known:
            faults.add(f"{at}/{escaped(name)}", "Not expected here.")
