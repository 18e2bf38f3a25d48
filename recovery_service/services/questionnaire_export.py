"""A response as FHIR R4: the QuestionnaireResponse, and its score as an Observation.

A score alone has no questions to answer, so that it is an Observation alone. LOINC codes stand
where the registry has a verified one; other instruments have this service's own code.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from recovery_service.domain.instruments import Instrument
from recovery_service.domain.languages import in_language
from recovery_service.domain.questionnaire_conditions import enabled
from recovery_service.domain.questionnaire_items import FormItem, QuestionnaireForm
from recovery_service.models import QuestionnaireResponse

LOCAL_CODES = "urn:recovery-service:instrument"
FHIR = "application/fhir+json"
LOINC = "http://loinc.org"


def as_fhir(
    row: QuestionnaireResponse,
    instrument: Instrument,
    form: QuestionnaireForm | None,
    *,
    patient_id: UUID,
    language: str,
) -> dict[str, Any]:
    """Return a Bundle (collection) of one response."""
    subject = {"reference": f"Patient/{patient_id}"}
    resources = []
    if row.answers is not None and form is not None:
        resources.append(_response(row, instrument, form, subject, language))
    if row.score is not None:
        resources.append(_observation(row, instrument, subject, language, derived=bool(resources)))
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": _instant(row.received_at),
        "entry": [{"fullUrl": f"urn:uuid:{each['id']}", "resource": each} for each in resources],
    }


def _response(
    row: QuestionnaireResponse,
    instrument: Instrument,
    form: QuestionnaireForm,
    subject: Mapping[str, str],
    language: str,
) -> dict[str, Any]:
    address = form.url or f"{LOCAL_CODES}:{instrument.code}"
    return {
        "resourceType": "QuestionnaireResponse",
        "id": str(row.id),
        "questionnaire": f"{address}|{form.version}" if form.version else address,
        "status": "completed" if row.complete else "in-progress",
        "subject": dict(subject),
        "authored": _instant(row.authored_at),
        "item": _items(form.items, row.answers or {}, enabled(form, row.answers or {}), language),
    }


def _items(
    items: Sequence[FormItem], answers: Mapping[str, Any], asked: frozenset[str], language: str
) -> list[dict[str, Any]]:
    """Return what was asked and answered, nested as the form is; groups without answers are out."""
    found = []
    for item in items:
        if item.link_id not in asked:
            continue
        below = _items(item.items, answers, asked, language)
        answer = answers.get(item.link_id)
        if answer is None and not below:
            continue
        shown: dict[str, Any] = {"linkId": item.link_id}
        if item.text:
            shown["text"] = in_language(item.text, language)
        if answer is not None:
            shown["answer"] = [_answer(item, answer, language) | ({"item": below} if below else {})]
        else:
            shown["item"] = below
        found.append(shown)
    return found


def _answer(item: FormItem, answer: Any, language: str) -> dict[str, Any]:
    if item.type != "choice":
        return {f"value{item.type.capitalize()}": answer}
    option = item.option(answer)
    coding: dict[str, Any] = {"code": answer}
    if option is not None:
        coding |= {"display": in_language(option.label, language)}
        if option.system is not None:
            coding = {"system": option.system} | coding
    return {"valueCoding": coding}


def _observation(
    row: QuestionnaireResponse,
    instrument: Instrument,
    subject: Mapping[str, str],
    language: str,
    *,
    derived: bool,
) -> dict[str, Any]:
    coding = [{"system": LOCAL_CODES, "code": instrument.code}]
    if instrument.loinc:
        coding.insert(0, {"system": LOINC, "code": instrument.loinc})
    found: dict[str, Any] = {
        "resourceType": "Observation",
        "id": str(uuid5(row.id, "score") if derived else row.id),
        "status": "final",
        "code": {"coding": coding, "text": in_language(instrument.title, language)},
        "subject": dict(subject),
        "effectiveDateTime": _instant(row.authored_at),
        "valueQuantity": {
            "value": row.score,
            "unit": "{score}",
            "system": "http://unitsofmeasure.org",
            "code": "{score}",
        },
    }
    if derived:
        found["derivedFrom"] = [{"reference": f"urn:uuid:{row.id}"}]
    return found


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
