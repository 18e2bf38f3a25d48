"""A QuestionnaireResponse says what its form can be answered with, or is refused with the path.

Planted, each seen red: enableWhen not asked (red: an answer to what is not asked is taken);
required not asked; the place of an item not compared; a code of another system taken; a second
answer passed over; what stands below an answer not read.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.questionnaire_conditions import enabled
from recovery_service.domain.questionnaire_import import read_questionnaire
from recovery_service.domain.questionnaire_items import QuestionnaireForm
from recovery_service.domain.questionnaire_response_import import (
    read_answers,
    read_envelope,
)
from recovery_service.domain.questionnaire_scores import score
from recovery_service.models import QuestionnaireResponse
from recovery_service.services.questionnaire_export import as_fhir
from tests.domain.made_up_questionnaires import choice, of_items

INSTRUMENTS = Content.parse(read_content()).instruments
ODI = INSTRUMENTS.by_code["odi"]
NOW = datetime(2026, 4, 10, 8, tzinfo=UTC)
Raw = dict[str, Any]


def form_of(*items: Mapping[str, Any]) -> QuestionnaireForm:
    read = read_questionnaire(of_items(*items), ODI.scoring)
    assert read.form is not None, read.faults
    return read.form


def coded(value: int, system: str = "urn:made-up") -> Raw:
    return {"valueCoding": {"system": system, "code": f"c{value}"}}


def said(link_id: str, *answers: Raw, **more: Any) -> Raw:
    return {"linkId": link_id, "answer": list(answers)} | more


FORM = form_of(
    {"linkId": "g", "type": "group", "item": [choice("q1", required=True), choice("q2")]},
    {
        "linkId": "pain", "type": "boolean", "text": "Pain?", "required": True,
        "item": [
            {
                "linkId": "how_much", "type": "integer", "text": "How much?", "required": True,
                "enableWhen": [{"question": "pain", "operator": "=", "answerBoolean": True}],
                "extension": [
                    {"url": "http://hl7.org/fhir/StructureDefinition/maxValue", "valueInteger": 10}
                ],
            }
        ],
    },
    {"linkId": "note", "type": "string", "text": "Anything else?"},
    {"linkId": "weight", "type": "decimal", "text": "How heavy?"},
    {"linkId": "read", "type": "display", "text": "Thank you."},
)  # fmt: skip


def sent() -> Raw:
    return {
        "resourceType": "QuestionnaireResponse",
        "identifier": {"system": "urn:made-up", "value": "7"},
        "questionnaire": "https://clinic.example/fhir/Questionnaire/made-up|1",
        "status": "completed",
        "authored": "2026-04-10T08:00:00Z",
        "item": [
            {"linkId": "g", "item": [said("q1", coded(2))]},
            said(
                "pain",
                {
                    "valueBoolean": True,
                    "item": [said("how_much", {"valueInteger": 7})],
                },
            ),
            said("note", {"valueString": "no"}),
        ],
    }


def faults(raw: Raw, *, completed: bool = True) -> list[tuple[str, str]]:
    _, found = read_envelope(raw)
    found = found or read_answers(FORM, raw, completed=completed).faults
    return [(pointer, message) for pointer, message in found]


def test_what_fits_is_read_by_link_id() -> None:
    assert faults(sent()) == []
    assert read_answers(FORM, sent(), completed=True).answers == {
        "q1": "c2", "pain": True, "how_much": 7, "note": "no"
    }  # fmt: skip


def test_what_stands_below_a_question_may_stand_in_the_item_as_well() -> None:
    raw = sent()
    raw["item"][1] = said(
        "pain", {"valueBoolean": True}, item=[said("how_much", {"valueInteger": 7})]
    )
    assert read_answers(FORM, raw, completed=True).answers["how_much"] == 7


REFUSED: list[tuple[str, Callable[[Raw], Any], str, str]] = [
    ("another resource", lambda r: r.update(resourceType="Observation"), "/resourceType", "Must"),
    ("stopped", lambda r: r.update(status="stopped"), "/status", "Must be one of"),
    ("entered in error", lambda r: r.update(status="entered-in-error"), "/status", "Must be"),
    ("no status", lambda r: r.pop("status"), "/status", "Must be one of"),
    ("a list for a status", lambda r: r.update(status=["completed"]), "/status", "Must be one of"),
    ("no form", lambda r: r.pop("questionnaire"), "/questionnaire", "Must be the address"),
    ("no time", lambda r: r.pop("authored"), "/authored", "Must be a date and a time"),
    ("a date alone", lambda r: r.update(authored="2026-04-10"), "/authored", "offset"),
    ("no offset", lambda r: r.update(authored="2026-04-10T08:00:00"), "/authored", "offset"),
    ("the year one", lambda r: r.update(authored="0001-01-01T00:00:00Z"), "/authored", "Must"),
    ("nothing to know it by", lambda r: r.pop("identifier"), "/identifier", "Say by"),
    ("an identifier of nothing", lambda r: r.update(identifier={}), "/identifier/value", "text"),
    ("a subject without reference", lambda r: r.update(subject={}), "/subject/reference", "Must"),
    ("a modifier", lambda r: r["item"][2].update(modifierExtension=[{"url": "u"}]),
     "/item/2/modifierExtension", "not understood"),
    ("an element of no resource", lambda r: r.update(colour="red"), "/colour", "Not expected"),
    ("an element of no item", lambda r: r["item"][2].update({"a/b": 1}), "/item/2/a~1b", "Not"),
    ("a link id of nothing", lambda r: r["item"].append(said("q9", coded(1))),
     "/item/3/linkId", "No item"),
    ("no link id", lambda r: r["item"].append({}), "/item/3/linkId", "No item"),
    ("an item in another place", lambda r: r["item"].append(said("q2", coded(1))),
     "/item/3/linkId", "in this place"),
    ("an item twice", lambda r: r["item"].append(said("note", {"valueString": "x"})),
     "/item/3/linkId", "twice"),
    ("items that are none", lambda r: r.update(item={"linkId": "g"}), "/item", "Must be a list"),
    ("an item that is text", lambda r: r["item"].append("note"), "/item/3", "Must be an item"),
    ("a group that is answered", lambda r: r["item"][0].update(answer=[coded(1)]),
     "/item/0/answer", "not to be answered"),
    ("a text that is answered", lambda r: r["item"].append(said("read", coded(1))),
     "/item/3/answer", "not to be answered"),
    ("two answers", lambda r: r["item"][2]["answer"].append({"valueString": "x"}),
     "/item/2/answer", "one answer"),
    ("an answer that is text", lambda r: r["item"][2].update(answer=["x"]),
     "/item/2/answer/0", "Must be an answer"),
    ("an answer of another type", lambda r: r["item"][2].update(answer=[{"valueInteger": 1}]),
     "/item/2/answer/0/valueInteger", "Not expected"),
    ("a number that is text", lambda r: r["item"].append(said("weight", {"valueDecimal": "7"})),
     "/item/3/answer/0/valueDecimal", "Must be a number"),
    ("true that is text", lambda r: r["item"][1]["answer"][0].update(valueBoolean="true"),
     "/item/1/answer/0/valueBoolean", "true or false"),
    ("a number beyond its range",
     lambda r: r["item"][1]["answer"][0]["item"][0]["answer"][0].update(valueInteger=11),
     "/item/1/answer/0/item/0/answer/0/valueInteger", "at most 10"),
    ("a code that is none", lambda r: r["item"][0]["item"][0].update(answer=[coded(6)]),
     "/item/0/item/0/answer/0/valueCoding", "none of the answers"),
    ("a code of another system", lambda r: r["item"][0]["item"][0].update(answer=[coded(2, "u")]),
     "/item/0/item/0/answer/0/valueCoding", "none of the answers"),
    ("an answer to what is not asked",
     lambda r: r["item"][1]["answer"][0].update(valueBoolean=False),
     "/item/1/answer/0/item/0/answer/0/valueInteger", "enableWhen"),
    ("nothing where something is required", lambda r: r["item"][0].update(item=[]),
     "/item", "q1 must be answered"),
    ("an item without its required answer", lambda r: r["item"][0]["item"][0].pop("answer"),
     "/item/0/item/0", "q1 must be answered"),
    ("what is required only now", lambda r: r["item"][1]["answer"][0].pop("item"),
     "/item", "how_much must be answered"),
    ("amended without identifier", lambda r: r.update(
        status="amended", id=str(uuid4())) or r.pop("identifier"), "/identifier", "amended"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "pointer", "message"),
    [row[1:] for row in REFUSED],
    ids=[row[0].replace(" ", "_") for row in REFUSED],
)
def test_what_does_not_fit_is_refused_with_its_path(
    change: Callable[[Raw], Any], pointer: str, message: str
) -> None:
    raw = sent()
    change(raw)
    found = [(at, why) for at, why in faults(raw) if at == pointer]
    assert found, faults(raw)
    assert message in found[0][1]


def test_what_is_in_progress_may_lack_what_is_required() -> None:
    raw = sent() | {"status": "in-progress", "item": []}
    assert faults(raw, completed=False) == []


def test_one_is_known_by_its_identifier_and_else_by_its_id() -> None:
    one, own = sent(), str(uuid4())
    first, _ = read_envelope(one | {"id": "abc"})
    again, _ = read_envelope(one | {"authored": "2026-04-11T08:00:00Z"})
    assert first
    assert again
    assert first.id == again.id
    del one["identifier"]
    by_id, _ = read_envelope(one | {"id": own})
    assert by_id
    assert (by_id.id, by_id.supersedes) == (UUID(own), None)


def test_an_amended_one_corrects_the_first_of_its_identifier() -> None:
    first, _ = read_envelope(sent())
    amended, _ = read_envelope(sent() | {"status": "amended"})
    assert first
    assert amended
    assert amended.supersedes == first.id != amended.id


@st.composite
def questionnaires(draw: Any) -> QuestionnaireForm:
    """Draw forms of groups and questions, some asked only after an answer above them."""
    names = iter(range(1000))
    asked: list[Raw] = []

    def item(depth: int) -> Raw:
        link = f"i{next(names)}"
        kinds = ["choice", "boolean", "integer", "decimal", "string"]
        kind = draw(st.sampled_from([*kinds, "group", "display"] if depth < 4 else kinds))
        found: Raw = {"linkId": link, "type": kind, "text": f"Text {link}"}
        if kind == "choice":
            found = choice(link, draw(st.integers(1, 5)))
        if asked and draw(st.booleans()):
            found |= _conditions(draw, asked)
        if kind not in ("group", "display"):
            found["required"] = draw(st.booleans())
            asked.append(found)
        if kind != "display" and depth < 4:
            below = [item(depth + 1) for _ in range(draw(st.integers(0, 2)))]
            found |= {"item": below} if below else {}
        return found

    return form_of(choice("first"), *(item(1) for _ in range(draw(st.integers(1, 5)))))


def _conditions(draw: Any, asked: list[Raw]) -> Raw:
    found = []
    for question in draw(st.lists(st.sampled_from(asked), min_size=1, max_size=2)):
        when: Raw = {"question": question["linkId"], "operator": "exists", "answerBoolean": True}
        if question["type"] == "boolean" and draw(st.booleans()):
            when = when | {"operator": "=", "answerBoolean": draw(st.booleans())}
        if question["type"] == "choice" and draw(st.booleans()):
            del when["answerBoolean"]
            coding = question["answerOption"][0]["valueCoding"]
            when |= {"operator": draw(st.sampled_from(["=", "!="])), "answerCoding": coding}
        if question["type"] == "integer" and draw(st.booleans()):
            del when["answerBoolean"]
            when |= {"operator": draw(st.sampled_from([">", "<="])), "answerInteger": 3}
        found.append(when)
    return {"enableWhen": found, "enableBehavior": draw(st.sampled_from(["all", "any"]))}


ANSWERS: Mapping[str, Callable[[Any], st.SearchStrategy[Any]]] = {
    "choice": lambda item: st.sampled_from([one.code for one in item.options]),
    "boolean": lambda _: st.booleans(),
    "integer": lambda _: st.integers(-9, 9),
    "decimal": lambda _: st.decimals(-9, 9, places=2).map(float),
    "string": lambda _: st.text("abc ğİ", min_size=1, max_size=9).map(str.strip).filter(bool),
}


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_what_goes_out_comes_in_with_the_same_answers_and_score(data: st.DataObject) -> None:
    form = data.draw(questionnaires())
    answers = {
        name: data.draw(st.none() | ANSWERS[item.type](item), label=name)
        for name, item in form.questions().items()
    }
    scored = score(form, ODI.scoring, answers)
    row = QuestionnaireResponse(
        id=uuid4(), answers=answers, score=scored.score, complete=scored.complete,
        authored_at=NOW, received_at=NOW,
    )  # fmt: skip
    bundle = as_fhir(row, ODI, form, patient_id=uuid4(), language="en")
    resource = deepcopy(bundle["entry"][0]["resource"])
    envelope, wrong = read_envelope(resource)
    assert envelope is not None, wrong
    assert (envelope.id, envelope.authored) == (row.id, NOW)
    assert (envelope.address, envelope.version) == (form.url, form.version)
    read = read_answers(form, resource, completed=resource["status"] == "completed")
    assert read.faults == ()
    asked = enabled(form, answers)
    told = {name: value for name, value in answers.items() if name in asked and value is not None}
    assert read.answers == told
    assert score(form, ODI.scoring, read.answers) == scored
