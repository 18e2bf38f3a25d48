"""The published vectors are the service's own, and the reference evaluator passes them."""

import json
from collections import Counter
from typing import Any

from recovery_service.domain.procedures import PROCEDURES
from recovery_service.domain.red_flag_conditions import FactIs
from recovery_service.domain.safety_bundle import canonical
from tests.domain.red_flag_cases import RULES
from tests.safety_rules.cases import VOCABULARY, bundle_documents, findings_as_json, in_the_vectors
from tests.safety_rules.phone import Phone
from tests.safety_rules.vectors import FOLDER, cases, files, signature_vectors


def read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def test_the_published_files_are_those_of_the_rules_as_they_are() -> None:
    """Planted: a threshold of `config/red_flags.toml` changed and `make vectors` forgotten."""
    stored = {
        path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8")
        for path in FOLDER.rglob("*")
        if path.is_file()
    }
    made = files()
    assert stored.keys() == made.keys()
    assert [name for name, text in made.items() if stored[name] != text] == []


def test_the_reference_evaluator_finds_what_the_vectors_say(phone: Phone) -> None:
    """Planted in the evaluator, one at a time, each red here.

    A gap of a day less, of a day more, or by the earlier entry's day; a median that takes one of
    the middle two, rounds it, or sorts as text; a week of six or eight days, with the return in it,
    or of fewer entries; each comparison with its edge left out or taken in; the whole history for
    the last seven; fewer entries before a rise; the lowest for the highest. Corrections by older
    ones or by none, of another episode; arrival for the phone's clock, and the other way round; any
    issue for a wrong clock; milliseconds; offsets left out; later days read. Follow-ups without
    parent; answers of another type, out of range or unrounded. Lower case for folded case, Turkish
    lower case, NFD, marks kept or all dropped, ASCII words, open endings. No window on an unknown
    day, the first gap for the widest; every item its own question, or one for all; the facts of one
    way or level, or twice; the rule's text or the last one's; the order of the rules alone.
    """
    published = read("vectors.json")
    for name in published["bundles"]:
        phone.keep(name, read(f"bundles/{name}.json"))
    wrong = []
    for vector in published["vectors"]:
        found = phone.evaluate(vector["bundle"], vector["check_ins"], vector["situation"])
        if [in_the_vectors(one) for one in found] != vector["findings"]:
            wrong.append((vector["number"], vector["name"], found, vector["findings"]))
    assert wrong == []
    assert len(published["vectors"]) > 300


def test_it_tells_each_text_in_every_language(phone: Phone) -> None:
    """Planted: the rule's own text at whatever tier."""
    for name, document in bundle_documents().items():
        phone.keep(name, document)
    told = 0
    for case in cases():
        found = phone.evaluate(case.bundle, case.check_ins_as_json(), case.situation_as_json())
        assert found == findings_as_json(case.findings()), case.name
        told += len(found)
    assert told > 150


def test_every_rule_and_level_of_every_bundle_is_met_by_some_vector() -> None:
    """A bundle whose rule no vector meets would let an evaluator leave it out."""
    published = read("vectors.json")
    met = {(one["rule"], one["tier"]) for each in published["vectors"] for one in each["findings"]}
    levels = {
        (rule["id"], level["tier"])
        for name in published["bundles"]
        for rule in read(f"bundles/{name}.json")["rules"]
        for level in (rule, *rule["escalations"])
    }
    assert levels == met
    by_bundle = Counter(each["bundle"] for each in published["vectors"])
    assert by_bundle.keys() == {*PROCEDURES, VOCABULARY}
    silent = [each for each in published["vectors"] if not each["findings"]]
    assert len(silent) > 100


def test_the_signature_vectors_are_judged_as_they_say(phone: Phone) -> None:
    """Planted: take the header's algorithm; check nothing; look for the key by its place."""
    published = read("signatures.json")
    assert published["vectors"] == list(signature_vectors())
    for vector in published["vectors"]:
        found = phone.verify(vector["signed"], published["keys"], vector["now"])
        if "refused" in vector:
            assert found == {"refused": vector["refused"]}, vector["name"]
        else:
            assert found["isOld"] is vector["is_old"], vector["name"]
            assert found["bundle"]["format"] == 1


def test_canonical_json_is_what_javascript_writes(phone: Phone) -> None:
    """Planted: whole numbers with a fraction (`38.0`); keys as they come; escaped letters."""
    for document in bundle_documents().values():
        assert phone.write(document).encode() == canonical(document)
    odd = {"é": 'a"\\\n\t\u0001/', "b": [38.5, 38.0, -0.001, 0, True, None, 10_000.5], "B": {}}
    assert phone.write(odd).encode() == canonical(odd)


def test_what_only_the_service_knows_is_named_in_every_bundle() -> None:
    """Planted: name only rules all of whose ways read such a fact (the vocabulary has one)."""
    reading = {
        rule.id
        for rule in RULES.rules
        for way in rule.when
        for condition in way
        if isinstance(condition, FactIs)
    }
    assert reading == {"ADH1_ADHERENCE", "ADH1_SILENCE"}
    for name, document in bundle_documents().items():
        expected = {"FEW_SESSIONS", "MISSED_OR_ASLEEP"} if name == VOCABULARY else reading
        assert set(document["server_only"]) == expected, name
