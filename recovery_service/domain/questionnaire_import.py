"""Reading a FHIR R4 Questionnaire that a clinic holds a licence for.

What is read is what can be asked, answered and scored here. Everything else is refused with a
JSON pointer into the resource, rather than left out: a question that is not asked, or a
condition that is not understood, would give another score than the licensed form.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from recovery_service.domain.fhir_elements import (
    COMPUTED,
    HIDDEN,
    ITEM,
    MAX_VALUE,
    MIN_VALUE,
    RESOURCE,
    Faults,
    extensions,
    note_extensions,
    only,
    primary,
    texts,
)
from recovery_service.domain.instruments import COUNT, Scoring
from recovery_service.domain.questionnaire_conditions import conditions_of, note_circles
from recovery_service.domain.questionnaire_items import (
    DISPLAY,
    GROUP,
    TYPES,
    FormItem,
    QuestionnaireForm,
)
from recovery_service.domain.questionnaire_options import options_of
from recovery_service.errors import FieldError

DEEPEST = 5
MOST_ITEMS = 200
LONGEST_ID, LONGEST_VERSION, LONGEST_URL = 255, 64, 255
_NUMBERS = ("integer", "decimal")


@dataclass(frozen=True, slots=True)
class Node:
    """An item as it stands in the resource, and below which other."""

    pointer: str
    raw: Mapping[str, Any]
    parent: str | None


@dataclass(frozen=True, slots=True)
class Imported:
    """What was read, in which language, and where each item stands; or what is wrong."""

    form: QuestionnaireForm | None
    language: str
    pointers: Mapping[str, str]
    faults: tuple[FieldError, ...]


def import_questionnaire(raw: Mapping[str, Any], scoring: Scoring) -> Imported:
    """Read a resource and see whether an instrument can be scored by it."""
    read = read_questionnaire(raw, scoring)
    if read.form is None:
        return read
    faults = Faults()
    _fit(read.form, scoring, read.pointers, faults)
    return replace(read, faults=tuple(faults.found))


def read_questionnaire(raw: Mapping[str, Any], scoring: Scoring) -> Imported:
    """Read a resource; nothing is raised, and `faults` are empty where there is a form."""
    faults = Faults()
    language = _envelope(raw, faults)
    nodes: dict[str, Node] = {}
    _collect(raw, "", 1, None, nodes, faults)
    form = None if faults else _form(raw, nodes, language, scoring, faults)
    if form is not None and not faults:
        note_circles(form, {name: node.pointer for name, node in nodes.items()}, faults)
    return Imported(
        form=None if faults else form,
        language=language,
        pointers={name: node.pointer for name, node in nodes.items()},
        faults=tuple(faults.found),
    )


def _fit(
    form: QuestionnaireForm, scoring: Scoring, pointers: Mapping[str, str], faults: Faults
) -> None:
    """Compare what counts with what the instrument has: another form gives another score."""
    scored = form.scored()
    fewest, most = scoring.scored_items or (1, MOST_ITEMS)
    if not scored:
        faults.add("/item", "No answer has a score: give each the extension ordinalValue.")
    elif not fewest <= len(scored) <= most:
        span = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        faults.add("/item", f"Has {len(scored)} questions with scores; must have {span}.")
    if scoring.ordinals is None:
        return
    for item in scored:
        weights = [one.ordinal for one in item.options if one.ordinal is not None]
        low, high = scoring.ordinals
        if weights and (min(weights), max(weights)) != (low, high):
            place = f"{pointers[item.link_id]}/answerOption"
            faults.add(place, f"The scores must go from {low} to {high}.")


def _envelope(raw: Mapping[str, Any], faults: Faults) -> str:
    """Check what stands around the items; return the language of the texts."""
    if raw.get("resourceType") != "Questionnaire":
        faults.add("/resourceType", "Must be Questionnaire, a resource of FHIR R4.")
    only(raw, RESOURCE, "", faults)
    note_extensions(raw, faults)
    if raw.get("status") not in ("draft", "active", "unknown"):
        faults.add("/status", "Must be draft, active or unknown.")
    subjects = raw.get("subjectType", ["Patient"])
    if not isinstance(subjects, list) or "Patient" not in subjects:
        faults.add("/subjectType", "Must be about a Patient.")
    for name, longest in (("url", LONGEST_URL), ("version", LONGEST_VERSION)):
        value = raw.get(name, "-")
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            faults.add(f"/{name}", f"Must be a text of at most {longest} characters.")
    language = primary(raw.get("language"))
    if language is None:
        faults.add("/language", "Say in which language the texts are, such as en or tr.")
    return language or "en"


def _collect(
    raw: Mapping[str, Any], pointer: str, depth: int, parent: str | None,
    nodes: dict[str, Node], faults: Faults,
) -> None:  # fmt: skip
    """Gather the items below an element, each under its link id."""
    items = raw.get("item", [])
    if not isinstance(items, list) or (parent is None and not items):
        faults.add(f"{pointer}/item", "Must be a list of items.")
        return
    for place, item in enumerate(items):
        at = f"{pointer}/item/{place}"
        if depth > DEEPEST:
            faults.add(at, f"Nested more than {DEEPEST} levels deep.")
            return
        if len(nodes) == MOST_ITEMS:
            faults.add(at, f"More than {MOST_ITEMS} items.")
            return
        if not isinstance(item, Mapping):
            faults.add(at, "Must be an item.")
            continue
        link_id = item.get("linkId")
        if not isinstance(link_id, str) or not 0 < len(link_id.strip()) <= LONGEST_ID:
            faults.add(f"{at}/linkId", f"Must be a text of at most {LONGEST_ID} characters.")
        elif link_id in nodes:
            faults.add(f"{at}/linkId", "Another item has this link id.")
        else:
            nodes[link_id] = Node(at, item, parent)
            _collect(item, at, depth + 1, link_id, nodes, faults)


def _form(
    raw: Mapping[str, Any],
    nodes: Mapping[str, Node],
    language: str,
    scoring: Scoring,
    faults: Faults,
) -> QuestionnaireForm:
    title = texts(raw, "title", "", language, faults)
    if raw.get("title") is None:
        faults.add("/title", "Must have a title.")
    plain = {name: _item(name, node, language, faults) for name, node in nodes.items()}
    if scoring.kind == COUNT:  # yes counts one
        yes_or_no = {name: item for name, item in plain.items() if item.type == "boolean"}
        plain |= {name: replace(item, scored=True) for name, item in yes_or_no.items()}
    asked = {name: item for name, item in plain.items() if item.is_question}
    whole: dict[str, FormItem] = {}
    for name, node in reversed(list(nodes.items())):  # what is below comes before what is above
        below = tuple(whole[each] for each, other in nodes.items() if other.parent == name)
        found = conditions_of(node.raw, node.pointer, asked, faults)
        any_of = node.raw.get("enableBehavior") == "any"
        whole[name] = replace(plain[name], items=below, conditions=found, any_of=any_of)
    top = tuple(whole[name] for name, node in nodes.items() if node.parent is None)
    return QuestionnaireForm(title=title, items=top, url=raw.get("url"), version=raw.get("version"))


def _item(link_id: str, node: Node, language: str, faults: Faults) -> FormItem:
    """Read one item without what stands below it and without its conditions."""
    raw, at = node.raw, node.pointer
    only(raw, ITEM, at, faults)
    kind = raw.get("type")
    if kind not in TYPES:
        faults.add(f"{at}/type", f"Must be one of {', '.join(TYPES)}.")
        kind = DISPLAY
    _extended(raw, at, faults)
    for name in ("required", "repeats"):
        if not isinstance(raw.get(name, False), bool):
            faults.add(f"{at}/{name}", "Must be true or false.")
    if raw.get("repeats"):
        faults.add(f"{at}/repeats", "Several answers to one question are not supported.")
    if kind == DISPLAY and raw.get("item"):
        faults.add(f"{at}/item", "Nothing can stand below a text that is only read.")
    text = texts(raw, "text", at, language, faults)
    if raw.get("text") is None and kind != GROUP:
        faults.add(f"{at}/text", "Must have a text.")
    options = options_of(raw, at, kind, language, faults)
    low, high = _bounds(raw, at, kind, faults)
    return FormItem(
        link_id=link_id,
        type=kind,
        text=text,
        required=raw.get("required") is True,
        scored=any(one.ordinal is not None for one in options),
        options=options,
        minimum=low,
        maximum=high,
    )


def _extended(raw: Mapping[str, Any], at: str, faults: Faults) -> None:
    for place, one in extensions(raw):
        if one.get("url") in COMPUTED:
            faults.add(f"{at}/extension/{place}", "Computed questions are not supported.")
        if one.get("url") == HIDDEN and one.get("valueBoolean") is not False:
            faults.add(f"{at}/extension/{place}", "Hidden items are not supported.")


def _bounds(
    raw: Mapping[str, Any], at: str, kind: str, faults: Faults
) -> tuple[float | None, float | None]:
    """Return the least and the greatest number that an answer may be."""
    ends: dict[str, float] = {}
    for place, one in extensions(raw):
        if kind in _NUMBERS and (url := one.get("url")) in (MIN_VALUE, MAX_VALUE):
            value = one.get("valueInteger", one.get("valueDecimal"))
            if type(value) not in (int, float):
                faults.add(f"{at}/extension/{place}", "Must be a number.")
            else:
                ends[url] = value
    low, high = ends.get(MIN_VALUE), ends.get(MAX_VALUE)
    if low is not None and high is not None and high < low:
        faults.add(f"{at}/extension", "The greatest number is below the least one.")
    return low, high
