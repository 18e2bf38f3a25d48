"""Questionnaires in the form of FHIR R4. Their wording is made up: no licensed text is here."""

from collections.abc import Mapping
from typing import Any

ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"


def weight(value: Any, url: str = ORDINAL) -> dict[str, Any]:
    """Return the extension that says what an answer counts."""
    return {"url": url, "valueDecimal": value}


def translated(text: str, language: str = "tr") -> dict[str, Any]:
    """Return what stands beside a text for its translation."""
    parts = [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": text}]
    return {"extension": [{"url": TRANSLATION, "extension": parts}]}


def option(value: float, code: str | None = None) -> dict[str, Any]:
    """Return an answer to choose from that counts so much."""
    coding = {"system": "urn:made-up", "code": code or f"c{value:g}", "display": f"Level {value:g}"}
    return {"valueCoding": coding, "extension": [weight(value)]}


def choice(link_id: str, highest: int = 5, **changes: Any) -> dict[str, Any]:
    """Return a question with answers that count 0 to `highest`."""
    return {
        "linkId": link_id,
        "type": "choice",
        "text": f"Question {link_id}",
        "answerOption": [option(value) for value in range(highest + 1)],
    } | changes


def of_items(*items: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a resource with these items."""
    return {
        "resourceType": "Questionnaire",
        "url": "https://clinic.example/fhir/Questionnaire/made-up",
        "version": "1",
        "status": "active",
        "language": "en",
        "title": "A made-up form",
        "item": [dict(item) for item in items],
    } | changes


def like_the_odi(**changes: Any) -> dict[str, Any]:
    """Return ten questions of 0 to 5, in a group."""
    group = {"linkId": "all", "type": "group", "item": [choice(f"q{n}") for n in range(1, 11)]}
    return of_items(group, **changes)


def like_the_rmdq() -> dict[str, Any]:
    """Return twenty-four questions to be answered with yes or no."""
    return of_items(
        *({"linkId": f"s{n}", "type": "boolean", "text": f"Statement {n}"} for n in range(24))
    )
