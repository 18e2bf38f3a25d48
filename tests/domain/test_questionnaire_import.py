"""A clinic's questionnaire is read as it is meant, or refused with the path to what is not.

Planted, each seen red in its own rows: no check of scores; circles not looked for; depth and
number not counted; duplicate link ids taken; modifier extensions passed over; an answer without
a score beside those that have one; conditions on questions that do not exist; computed
extensions passed over; the second name of the ordinal not known; a translation dropped.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.questionnaire_import import (
    DEEPEST,
    MOST_ITEMS,
    Imported,
    import_questionnaire,
)
from tests.domain.made_up_questionnaires import (
    choice,
    like_the_odi,
    like_the_rmdq,
    of_items,
    option,
    translated,
    weight,
)

INSTRUMENTS = Content.parse(read_content()).instruments
ODI, RMDQ = (INSTRUMENTS.by_code[code].scoring for code in ("odi", "rmdq"))
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
Raw = dict[str, Any]


def read(raw: Raw) -> Imported:
    return import_questionnaire(raw, ODI)


def question(raw: Raw, number: int = 0) -> Any:
    return raw["item"][0]["item"][number]


def when(question: str, operator: Any = "=", **answer: Any) -> Raw:
    return {"question": question, "operator": operator, **answer}


def nested(levels: int) -> Raw:
    item = choice("deepest")
    for level in range(levels - 1, 0, -1):
        item = {"linkId": f"g{level}", "type": "group", "item": [item]}
    return item


def number(*, least: Any, greatest: Any = 9) -> Raw:
    base = "http://hl7.org/fhir/StructureDefinition/"
    ends = [{"url": f"{base}minValue", "valueInteger": least},
            {"url": f"{base}maxValue", "valueInteger": greatest}]  # fmt: skip
    return {"linkId": "n", "type": "integer", "text": "How many", "extension": ends}


def without_scores(raw: Raw) -> None:
    for item in raw["item"][0]["item"]:
        for one in item["answerOption"]:
            del one["extension"]


CODED: Raw = {"answerCoding": {"system": "urn:made-up", "code": "c1"}}
Q0 = "/item/0/item/0"
REFUSALS: list[tuple[str, Callable[[Raw], object], str, str]] = [
    ("no scores", without_scores, "/item", "No answer has a score"),
    ("too few questions", lambda r: r["item"][0].update(item=[choice("q1")]),
     "/item", "Has 1 questions with scores; must have 9 to 10"),
    ("too many questions", lambda r: r["item"].append(choice("q11")), "/item", "Has 11"),
    ("a circle of one", lambda r: question(r).update(enableWhen=[when("q1", **CODED)]),
     f"{Q0}/enableWhen", "Circular: q1 → q1."),
    ("a circle of two", lambda r: (question(r).update(enableWhen=[when("q2", **CODED)]),
     question(r, 1).update(enableWhen=[when("q1", **CODED)])),
     f"{Q0}/enableWhen", "Circular: q1 → q2 → q1."),
    ("a group on what is in it", lambda r: r["item"][0].update(enableWhen=[when("q1", **CODED)]),
     "/item/0/enableWhen", "Circular: all → q1 → all."),
    ("too deep", lambda r: r["item"].append(nested(DEEPEST + 1)),
     "/item/1/item/0/item/0/item/0/item/0/item/0", "Nested more than 5 levels deep."),
    ("too many items", lambda r: r["item"].extend(
        {"linkId": f"d{n}", "type": "display", "text": "-"} for n in range(MOST_ITEMS - 10)),
     f"/item/{MOST_ITEMS - 10}", "More than 200 items."),
    ("a link id twice", lambda r: question(r, 1).update(linkId="q1"),
     "/item/0/item/1/linkId", "Another item has this link id."),
    ("no link id", lambda r: question(r).pop("linkId"), f"{Q0}/linkId", "Must be a text"),
    ("a blank link id", lambda r: question(r).update(linkId=" "), f"{Q0}/linkId", "Must be"),
    ("a link id too long", lambda r: question(r).update(linkId="x" * 256), f"{Q0}/linkId", "255"),
    ("a type that is not asked here", lambda r: question(r).update(type="attachment"),
     f"{Q0}/type", "Must be one of group, display, choice"),
    ("free answers", lambda r: question(r).update(type="open-choice"), f"{Q0}/type", "Must be one"),
    ("a list for a type", lambda r: question(r).update(type=["choice"]), f"{Q0}/type", "Must be"),
    ("several answers", lambda r: question(r).update(repeats=True), f"{Q0}/repeats", "Several"),
    ("a modifier of the resource", lambda r: r.update(modifierExtension=[{"url": "u"}]),
     "/modifierExtension", "not understood"),
    ("a modifier deep inside", lambda r: question(r)["answerOption"][2]["valueCoding"].update(
        modifierExtension=[]), f"{Q0}/answerOption/2/valueCoding/modifierExtension", "Modifier"),
    ("an extension without address", lambda r: question(r).update(extension=[{"valueCode": "x"}]),
     f"{Q0}/extension", "each with its url"),
    ("extensions that are no list", lambda r: question(r).update(extension={"url": "u"}),
     f"{Q0}/extension", "Must be a list of extensions"),
    ("an answer without a score", lambda r: question(r)["answerOption"][3].pop("extension"),
     f"{Q0}/answerOption/3", "Has no score, and other answers"),
    ("two scores", lambda r: question(r)["answerOption"][3]["valueCoding"].update(
        extension=[weight(4)]), f"{Q0}/answerOption/3", "Has two scores."),
    ("a score that is text", lambda r: question(r)["answerOption"][1].update(
        extension=[weight("1")]), f"{Q0}/answerOption/1/extension/0/valueDecimal", "a number"),
    ("a score that is true", lambda r: question(r)["answerOption"][1].update(
        extension=[weight(True)]), f"{Q0}/answerOption/1/extension/0/valueDecimal", "a number"),
    ("scores of another scale", lambda r: question(r)["answerOption"].pop(0),
     f"{Q0}/answerOption", "The scores must go from 0 to 5."),
    ("a score above the scale", lambda r: question(r)["answerOption"].append(option(6)),
     f"{Q0}/answerOption", "The scores must go from 0 to 5."),
    ("a code twice", lambda r: question(r)["answerOption"].append(option(1)),
     f"{Q0}/answerOption/6/valueCoding/code", "Another answer has this code."),
    ("no answers", lambda r: question(r).update(answerOption=[]), f"{Q0}/answerOption", "A choice"),
    ("answers to a number", lambda r: question(r).update(type="integer"),
     f"{Q0}/answerOption", "A choice, and nothing else"),
    ("fifty-one answers", lambda r: question(r).update(
        answerOption=[option(n) for n in range(51)]), f"{Q0}/answerOption", "More than 50"),
    ("an answer that is text", lambda r: question(r)["answerOption"].append({"valueString": "a"}),
     f"{Q0}/answerOption/6/valueCoding", "Must be a coding."),
    ("a value set", lambda r: question(r).update(answerValueSet="http://x"),
     f"{Q0}/answerValueSet", "Value sets are not looked up"),
    ("contained resources", lambda r: r.update(contained=[]), "/contained", "not read"),
    ("a condition on nothing", lambda r: question(r).update(enableWhen=[when("q99", **CODED)]),
     f"{Q0}/enableWhen/0/question", "Names no question"),
    ("a condition on a group", lambda r: question(r).update(
        enableWhen=[when("all", "exists", answerBoolean=True)]),
     f"{Q0}/enableWhen/0/question", "Names no question"),
    ("a condition without operator", lambda r: question(r).update(
        enableWhen=[when("q2", "~", **CODED)]), f"{Q0}/enableWhen/0/operator", "Must be one of"),
    ("a greater choice", lambda r: question(r).update(enableWhen=[when("q2", ">", **CODED)]),
     f"{Q0}/enableWhen/0/operator", "Only numbers"),
    ("a condition of another type", lambda r: question(r).update(
        enableWhen=[when("q2", answerInteger=1)]), f"{Q0}/enableWhen/0", "Must have answerCoding"),
    ("a condition without answer", lambda r: question(r).update(enableWhen=[when("q2")]),
     f"{Q0}/enableWhen/0", "Must have answerCoding"),
    ("an answer that is not there", lambda r: question(r).update(
        enableWhen=[when("q2", answerCoding={"code": "c9"})]),
     f"{Q0}/enableWhen/0/answerCoding", "Names no answer"),
    ("an answer of another system", lambda r: question(r).update(
        enableWhen=[when("q2", answerCoding={"system": "urn:x", "code": "c1"})]),
     f"{Q0}/enableWhen/0/answerCoding", "Names no answer"),
    ("exists what", lambda r: question(r).update(
        enableWhen=[when("q2", "exists", answerBoolean="yes")]),
     f"{Q0}/enableWhen/0/answerBoolean", "wrong type"),
    ("two conditions without all or any", lambda r: question(r).update(
        enableWhen=[when("q2", **CODED), when("q3", **CODED)]), f"{Q0}/enableBehavior", "all or"),
    ("a computed question", lambda r: question(r).update(
        extension=[{"url": f"{SDC}enableWhenExpression"}]), f"{Q0}/extension/0", "Computed"),
    ("a hidden question", lambda r: question(r).update(extension=[
        {"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden",
         "valueBoolean": True}]), f"{Q0}/extension/0", "Hidden"),
    ("a least that is text", lambda r: r["item"].append(number(least="1")),
     "/item/1/extension/0", "Must be a number."),
    ("a greatest below the least", lambda r: r["item"].append(number(least=3, greatest=2)),
     "/item/1/extension", "below the least"),
    ("twenty-one conditions", lambda r: question(r).update(enableWhen=[when("q2", **CODED)] * 21),
     f"{Q0}/enableWhen", "at most 20"),
    ("a condition that is text", lambda r: question(r).update(enableWhen=["q2"]),
     f"{Q0}/enableWhen/0", "Must be a condition."),
    ("no text", lambda r: question(r).pop("text"), f"{Q0}/text", "Must have a text."),
    ("text that is none", lambda r: question(r).update(text=7), f"{Q0}/text", "Must be a text"),
    ("a translation without language", lambda r: question(r).update(
        _text=translated("Soru", "?")), f"{Q0}/_text", "needs a language"),
    ("an answer without words", lambda r: question(r)["answerOption"][0]["valueCoding"].pop(
        "display"), f"{Q0}/answerOption/0/valueCoding/display", "text to show"),
    ("something below a display", lambda r: r["item"].append(
        {"linkId": "d", "type": "display", "text": "-", "item": [choice("x")]}),
     "/item/1/item", "Nothing can stand below"),
    ("no items", lambda r: r.update(item=[]), "/item", "Must be a list"),
    ("items that are none", lambda r: r.update(item={"linkId": "1"}), "/item", "Must be a list"),
    ("an item that is text", lambda r: r["item"].append("q"), "/item/1", "Must be an item."),
    ("another resource", lambda r: r.update(resourceType="Bundle"), "/resourceType", "Must be"),
    ("a retired one", lambda r: r.update(status="retired"), "/status", "Must be draft"),
    ("about a device", lambda r: r.update(subjectType=["Device"]), "/subjectType", "Patient"),
    ("no language", lambda r: r.pop("language"), "/language", "Say in which language"),
    ("no title", lambda r: r.pop("title"), "/title", "Must have a title."),
    ("an address too long", lambda r: r.update(url="x" * 256), "/url", "at most 255"),
    ("a version that is a number", lambda r: r.update(version=1), "/version", "Must be a text"),
    ("an element of no resource", lambda r: r.update(colour="red"), "/colour", "No element"),
    ("an element of no item", lambda r: question(r).update({"a/b": 1}), f"{Q0}/a~1b", "No element"),
    ("required perhaps", lambda r: question(r).update(required="yes"), f"{Q0}/required", "true or"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "pointer", "message"),
    [refusal[1:] for refusal in REFUSALS],
    ids=[refusal[0] for refusal in REFUSALS],
)
def test_what_cannot_be_asked_or_scored_is_refused_with_its_path(
    change: Callable[[Raw], object], pointer: str, message: str
) -> None:
    raw = like_the_odi()
    change(raw)
    found = read(raw)
    told = {fault.pointer: fault.message for fault in found.faults}
    assert message in told.get(pointer, ""), told


def test_nothing_is_wrong_with_what_the_refusals_begin_with() -> None:
    found = read(like_the_odi())
    assert found.faults == ()
    assert found.form is not None
    assert [item.link_id for item in found.form.scored()] == [f"q{n}" for n in range(1, 11)]
    assert (found.language, found.form.url) == ("en", like_the_odi()["url"])


def test_every_fault_is_told_and_no_more_than_twenty() -> None:
    raw = like_the_odi()
    for item in raw["item"][0]["item"]:
        item.update(text="", repeats=True, prefixx="1")
    assert len(read(raw).faults) == 20


def test_the_content_is_left_as_it_was_given() -> None:
    raw = like_the_odi()
    before = deepcopy(raw)
    read(raw)
    assert raw == before


def test_the_deepest_and_the_longest_that_is_taken_is_taken() -> None:
    deep = of_items(nested(DEEPEST), *(choice(f"q{n}") for n in range(9)))
    assert read(deep).faults == ()
    texts = [{"linkId": f"d{n}", "type": "display", "text": "-"} for n in range(MOST_ITEMS - 11)]
    raw = like_the_odi()
    raw["item"] += texts
    assert read(raw).faults == ()


@pytest.mark.parametrize("place", ["answerOption", "valueCoding"])
@pytest.mark.parametrize("name", ["ordinalValue", "itemWeight"])
def test_a_score_may_stand_in_either_place_by_either_name(place: str, name: str) -> None:
    raw = like_the_odi()
    for item in raw["item"][0]["item"]:
        for value, one in enumerate(item["answerOption"]):
            del one["extension"]
            holder = one if place == "answerOption" else one["valueCoding"]
            url = f"http://hl7.org/fhir/StructureDefinition/{name}"
            holder["extension"] = [weight(value, url)]
    form = read(raw).form
    assert form is not None
    assert [one.ordinal for one in form.scored()[0].options] == [0, 1, 2, 3, 4, 5]


def test_texts_are_shown_in_the_language_of_the_reader() -> None:
    raw = like_the_odi(_title=translated("Uydurma form", "tr-TR"))
    question(raw).update(_text=translated("Soru 1"))
    question(raw)["answerOption"][0]["valueCoding"]["_display"] = translated("Hiç")
    form = read(raw).form
    assert form is not None
    assert form.title == {"en": "A made-up form", "tr": "Uydurma form"}
    (english,), (turkish,) = form.as_json("en"), form.as_json("tr")
    assert english["items"][0]["text"] == "Question q1"
    assert turkish["items"][0]["text"] == "Soru 1"
    assert turkish["items"][0]["options"][0] == {"code": "c0", "label": "Hiç"}
    assert turkish["items"][1]["text"] == "Question q2"


def test_who_answers_does_not_see_what_an_answer_counts() -> None:
    form = read(like_the_odi()).form
    assert form is not None
    (group,) = form.as_json("en")
    assert group["items"][0]["options"][5] == {"code": "c5", "label": "Level 5"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | st.floats(-1, 1),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["url", "extension", "valueDecimal", "code", "item", "linkId"]), inner,
        max_size=2),
    max_leaves=4,
)  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place of a document: what holds it, and its name or number there."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def rich() -> Raw:
    raw = like_the_odi(_title=translated("Uydurma"))
    question(raw).update(enableWhen=[when("q2", **CODED)], enableBehavior="any",
                         extension=[{"url": "urn:x"}], _text=translated("Soru"))  # fmt: skip
    raw["item"].append(number(least=0))
    return deepcopy(raw)  # parts of it are shared, and the test changes one


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_stands_in_a_place_is_read_or_refused(data: st.DataObject) -> None:
    raw = rich()
    holder, key = data.draw(st.sampled_from(list(places(raw))), label="place")
    holder[key] = data.draw(JSON, label="value")
    found = read(raw)
    assert (found.form is None) <= bool(found.faults)
    if found.form is not None:
        found.form.as_json("tr")


def test_yes_and_no_count_where_the_instrument_counts() -> None:
    found = import_questionnaire(like_the_rmdq(), RMDQ)
    assert found.faults == ()
    assert [fault.pointer for fault in import_questionnaire(like_the_rmdq(), ODI).faults] == [
        "/item"
    ]
