"""The answers that a FHIR question lets one choose from, and what each of them counts."""

from collections.abc import Mapping
from typing import Any

from recovery_service.domain.fhir_elements import (
    CODING,
    OPTION,
    ORDINAL,
    Faults,
    extensions,
    only,
    texts,
)
from recovery_service.domain.questionnaire_items import Option

MOST_OPTIONS = 50
LONGEST_CODE = 255


def options_of(
    raw: Mapping[str, Any], at: str, kind: str, language: str, faults: Faults
) -> tuple[Option, ...]:
    """Read the answers of an item; all of them have a score, or none."""
    listed = raw.get("answerOption", [])
    place = f"{at}/answerOption"
    if not isinstance(listed, list) or (kind == "choice") != bool(listed):
        faults.add(place, "A choice, and nothing else, has a list of answers.")
        return ()
    if len(listed) > MOST_OPTIONS:
        faults.add(place, f"More than {MOST_OPTIONS} answers.")
        return ()
    found = [
        _option(one, f"{place}/{number}", language, faults) for number, one in enumerate(listed)
    ]
    options = tuple(one for one in found if one is not None)
    codes = [one.code for one in options]
    for number, code in enumerate(codes):
        if code in codes[:number]:
            faults.add(f"{place}/{number}/valueCoding/code", "Another answer has this code.")
    weighed = [number for number, one in enumerate(options) if one.ordinal is not None]
    if weighed and len(weighed) < len(options):
        missing = next(n for n in range(len(options)) if n not in weighed)
        faults.add(f"{place}/{missing}", "Has no score, and other answers of the question do.")
    return options


def _option(raw: Any, at: str, language: str, faults: Faults) -> Option | None:
    coding = raw.get("valueCoding") if isinstance(raw, Mapping) else None
    if not isinstance(raw, Mapping) or not isinstance(coding, Mapping):
        faults.add(f"{at}/valueCoding", "Must be a coding.")
        return None
    only(raw, OPTION, at, faults)
    only(coding, CODING, f"{at}/valueCoding", faults)
    code, system = coding.get("code"), coding.get("system")
    if not isinstance(code, str) or not 0 < len(code) <= LONGEST_CODE:
        faults.add(f"{at}/valueCoding/code", "Must have a code.")
        return None
    if system is not None and not isinstance(system, str):
        faults.add(f"{at}/valueCoding/system", "Must be an address.")
        return None
    label = texts(coding, "display", f"{at}/valueCoding", language, faults)
    if coding.get("display") is None:
        faults.add(f"{at}/valueCoding/display", "Must have a text to show.")
    weights = [*_weights(raw, at, faults), *_weights(coding, f"{at}/valueCoding", faults)]
    if len(set(weights)) > 1:
        faults.add(at, "Has two scores.")
    return Option(code=code, label=label, system=system, ordinal=weights[0] if weights else None)


def _weights(element: Mapping[str, Any], at: str, faults: Faults) -> list[float]:
    """Return what an answer counts, by either of the two names that FHIR has for it."""
    found: list[float] = []
    for place, one in extensions(element):
        if one.get("url") in ORDINAL:
            value = one.get("valueDecimal")
            if isinstance(value, int | float) and not isinstance(value, bool):
                found.append(value)
            else:
                faults.add(f"{at}/extension/{place}/valueDecimal", "Must be a number.")
    return found
