"""The elements of a FHIR R4 Questionnaire that are read here, and faults by JSON pointer.

Source: HL7 FHIR R4 (4.0.1), Questionnaire; extensions by their canonical addresses.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery_service.errors import FieldError

MOST_FAULTS = 20
LONGEST = 4000
_ELEMENT = "http://hl7.org/fhir/StructureDefinition/"
_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"

#: What an answer counts; R5 gave R4's extension a new name.
ORDINAL = frozenset({f"{_ELEMENT}ordinalValue", f"{_ELEMENT}itemWeight"})
TRANSLATION = f"{_ELEMENT}translation"
HIDDEN = f"{_ELEMENT}questionnaire-hidden"
MIN_VALUE, MAX_VALUE = f"{_ELEMENT}minValue", f"{_ELEMENT}maxValue"
#: Extensions that would change what is asked or answered, and that nothing here computes.
COMPUTED = frozenset(
    f"{_SDC}{name}"
    for name in (
        "enableWhenExpression", "calculatedExpression", "answerExpression",
        "answerOptionsToggleExpression", "candidateExpression", "initialExpression",
    )
)  # fmt: skip

_ANY = ("id", "extension")
RESOURCE = frozenset((
    *_ANY, "resourceType", "meta", "implicitRules", "language", "text", "url", "identifier",
    "version", "name", "title", "derivedFrom", "status", "experimental", "subjectType", "date",
    "publisher", "contact", "description", "useContext", "jurisdiction", "purpose", "copyright",
    "approvalDate", "lastReviewDate", "effectivePeriod", "code", "item",
))  # fmt: skip
ITEM = frozenset((
    *_ANY, "linkId", "definition", "code", "prefix", "text", "type", "enableWhen",
    "enableBehavior", "required", "repeats", "readOnly", "maxLength", "answerOption", "initial",
    "item",
))  # fmt: skip
OPTION = frozenset((*_ANY, "valueCoding", "initialSelected"))
CODING = frozenset((*_ANY, "system", "version", "code", "display", "userSelected"))
#: Elements of R4 that are understood and refused, with the reason.
REFUSED: Mapping[str, str] = {
    "contained": "Contained resources are not read; list the answers as answerOption.",
    "answerValueSet": "Value sets are not looked up; list the answers as answerOption.",
    "valueInteger": "Answers to choose from must be codings with a score.",
    "valueString": "Answers to choose from must be codings with a score.",
    "valueDate": "Answers to choose from must be codings with a score.",
    "valueTime": "Answers to choose from must be codings with a score.",
    "valueReference": "Answers to choose from must be codings with a score.",
}


@dataclass
class Faults:
    """What is wrong with a resource, each with a JSON pointer into it."""

    found: list[FieldError] = field(default_factory=list)

    def add(self, pointer: str, message: str) -> None:
        """Remember a fault; after the first twenty nobody reads on."""
        if len(self.found) < MOST_FAULTS:
            self.found.append(FieldError(pointer, message))

    def __bool__(self) -> bool:
        """Say whether anything is wrong."""
        return bool(self.found)


def only(raw: Mapping[str, Any], known: Container[str], pointer: str, faults: Faults) -> None:
    """Note every element that is not known here; `_text` belongs to `text`."""
    for name in raw:
        if name == "modifierExtension":  # noted once for the whole resource
            continue
        if name in REFUSED:
            faults.add(f"{pointer}/{name}", REFUSED[name])
        elif name.removeprefix("_") not in known:
            faults.add(f"{pointer}/{escaped(name)}", "No element of a FHIR R4 Questionnaire.")


def note_extensions(value: Any, faults: Faults, pointer: str = "") -> None:
    """Note modifier extensions, which may turn the meaning of what is beside them, and odd ones."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            place = f"{pointer}/{escaped(name)}"
            if name == "modifierExtension":
                faults.add(place, "Modifier extensions are not understood.")
            elif name == "extension" and not _well_formed(below):
                faults.add(place, "Must be a list of extensions, each with its url.")
            note_extensions(below, faults, place)
    elif isinstance(value, list):
        for number, below in enumerate(value):
            note_extensions(below, faults, f"{pointer}/{number}")


def _well_formed(listed: Any) -> bool:
    return isinstance(listed, list) and all(
        isinstance(one, Mapping) and isinstance(one.get("url"), str) for one in listed
    )


def escaped(name: str) -> str:
    """Return a name as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def extensions(element: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the extensions of an element, which are well-formed, with their places."""
    yield from enumerate(element.get("extension", ()) if isinstance(element, Mapping) else ())


def texts(
    element: Mapping[str, Any], name: str, pointer: str, language: str, faults: Faults
) -> dict[str, str]:
    """Return a text by language: the element's own, and its translations; empty if it has none.

    A text stands as it is written: the wording of a licensed instrument is not ours to tidy.
    """
    own = element.get(name)
    if own is None:
        return {}
    if not isinstance(own, str) or not own.strip() or len(own) > LONGEST:
        faults.add(f"{pointer}/{name}", f"Must be a text of at most {LONGEST} characters.")
        return {}
    found = {language: own}
    for _, one in extensions(element.get(f"_{name}")):
        if one.get("url") == TRANSLATION:
            parts = {part.get("url"): part for _, part in extensions(one)}
            spoken = primary(parts.get("lang", {}).get("valueCode"))
            content = parts.get("content", {})
            text = content.get("valueString") or content.get("valueMarkdown")
            if spoken is None or not isinstance(text, str) or not 0 < len(text) <= LONGEST:
                faults.add(f"{pointer}/_{name}", "A translation needs a language and a text.")
            else:
                found.setdefault(spoken, text)
    return found


def primary(tag: object) -> str | None:
    """Return the language of a tag, `tr` of `tr-TR`; None for what is no tag."""
    if not isinstance(tag, str):
        return None
    first = tag.split("-")[0].lower()
    return first if first.isascii() and first.isalpha() and len(first) in (2, 3) else None
