"""What other people's tools make of the document: no complaint, and clients that compile."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.openapi.published import DOCUMENT, FILES, ROOT, TYPES
from tests.openapi.tools import CLIENT, run_generator, run_node

RULES = ROOT / "contract" / "openapi.spectral.yaml"

# JSON of no fixed shape, by design: content as clinics write it, and what depends on a kind.
FREE = {
    "AlertFact.comparison", "BackTestRequest.rules", "Clinic.reminder_defaults",
    "Clinic.reminder_policy", "ClinicChanges.reminder_defaults", "ContentChange.after",
    "ContentChange.before", "Episode.baseline", "FormItem.show_if", "Happening.details",
    "Instrument.licence", "Item.rule", "ItemChanges.rule", "NewItemRequest.rule",
    "NewQuestionnaireRequest.content", "NewTemplateRequest.content", "Patient.preferences",
    "PieceReading.content", "Problem.stored", "Profile.preferences", "Questionnaire.content",
    "QuestionnaireItem.enable_when", "QuestionnaireItem.options", "Reason.facts",
    "RevisionView.phases", "Template.content", "BroughtItemRequest.rule",
    "FhirQuestionnaireResponse.identifier", "FhirQuestionnaireResponse.item",
    "FhirQuestionnaireResponse.subject", "OperationRequest.payload", "RejectedReport.payload",
    "FhirEntry.resource", "Result.stored", "SyncAnswer.changes",
}  # fmt: skip

# What openapi-generator says of every document of its kind, or renames without harm.
SAID_ANYWAY = re.compile(
    r"OpenAPI 3.1 support is still in beta"
    r"|Failed to get the schema name: null"
    r"|\(reserved word\) cannot be used as model name"
)


def test_spectral_has_nothing_to_say() -> None:
    """Its own rules and ours, without warnings. Planted: the document of the next test."""
    said = json.loads(_lint(ROOT / DOCUMENT, expect=0).split("\n")[0] or "[]")
    assert said == []


def test_spectral_is_heard(tmp_path: Path) -> None:
    problem = {"schema": {"type": "object", "properties": {"camelCase": {"type": "string"}}}}
    operation = {
        "operationId": "getThings",
        "summary": "Things.",
        "parameters": [{"in": "query", "name": "howMany", "schema": {"type": "string"}}],
        "responses": {
            "200": {"description": "", "content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Thing"}}}},
            "404": {"description": "", "content": {"application/json": problem}},
        },
    }  # fmt: skip
    things = {"Thing": {"type": "object", "properties": {"howMany": {"type": "string"}}}}
    bad = tmp_path / "bad.json"
    bad.write_text(
        json.dumps(
            {
                "openapi": "3.1.0",
                "info": {"title": "Things", "version": "1"},
                "paths": {"/things": {"get": operation}},
                "components": {"schemas": things},
            }
        )
    )
    found = {each["code"] for each in json.loads(_lint(bad, expect=1))}
    assert found >= {
        "operation-says-what-it-is", "summary-is-a-title", "operation-id-is-snake-case",
        "answer-has-an-example", "refusal-is-a-problem", "names-are-snake-case",
        "parameters-are-snake-case",
    }  # fmt: skip


def _lint(path: Path, *, expect: int) -> str:
    told = ("--format", "json", "--quiet", "--fail-severity", "hint")
    return run_node("spectral", "lint", path, "--ruleset", RULES, *told, expect=expect)


def test_the_client_is_the_one_that_the_document_makes() -> None:
    """To plant: a field added to the committed types by hand."""
    committed = (ROOT / TYPES).read_text(encoding="utf-8")
    assert committed == FILES[TYPES](), "run `make client`"


def test_the_client_compiles_strictly(tmp_path: Path) -> None:
    """Planted: a field that no answer has; it has to be refused, and nothing else."""
    run_node("tsc", "--project", CLIENT)
    planted = CLIENT / "tests" / "first_day.ts"
    wrong = tmp_path / "wrong.ts"
    text = planted.read_text(encoding="utf-8").replace("'../client.ts'", f"'{CLIENT}/client.ts'")
    wrong.write_text(text.replace("me.today", "me.yesterday", 1))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    project = tmp_path / "tsconfig.json"
    project.write_text(json.dumps({"extends": f"{CLIENT}/tsconfig.json", "include": ["wrong.ts"]}))
    said = run_node("tsc", "--project", project, expect=2)
    assert re.findall(r"error (TS\d+): (.*?)'", said) == [("TS2339", "Property ")]


def test_the_packages_are_pinned_and_name_no_registry() -> None:
    lock = json.loads((CLIENT / "package-lock.json").read_text(encoding="utf-8"))
    own = json.loads((CLIENT / "package.json").read_text(encoding="utf-8"))
    for version in {**own["dependencies"], **own["devDependencies"]}.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    packages = [each for name, each in lock["packages"].items() if name]
    assert len(packages) > 100
    for each in packages:
        assert each["integrity"].startswith("sha512-")
        assert "resolved" not in each


@pytest.mark.parametrize(
    ("language", "models", "free"),
    [
        ("kotlin", "src/main/kotlin/**/models/*.kt", r"kotlin\.Any\b"),
        ("swift6", "Sources/**/Models/*.swift", r"\bJSONValue\b|\bAny\b"),
    ],
)
def test_clients_in_other_languages_are_made_without_complaint(
    language: str, models: str, free: str, tmp_path: Path
) -> None:
    """Planted: an answer that is `fields.Dict()`: its type was `Any`, in either language."""
    said = run_generator("generate", "-g", language, "-i", ROOT / DOCUMENT, "-o", tmp_path)
    complaints = re.findall(r"^.*(?:WARN|ERROR).*$", said, re.MULTILINE)
    assert [each for each in complaints if not SAID_ANYWAY.search(each)] == []
    member = re.compile(rf"^\s*(?:public )?va[lr] `?(\w+)`?: .*(?:{free})", re.MULTILINE)
    made = list(tmp_path.glob(models))
    assert len(made) > 200
    found = {
        f"{path.stem}.{_snake(name)}"
        for path in made
        for name in member.findall(path.read_text(encoding="utf-8"))
        if name != "additionalProperties"  # of an object that FHIR may extend
    }
    assert found <= FREE
    assert found, "nothing was looked at"


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def test_what_has_no_fixed_shape_is_said_to_have_none() -> None:
    """The list above holds nothing that has a shape by now."""
    document: dict[str, Any] = json.loads((ROOT / DOCUMENT).read_text(encoding="utf-8"))
    for each in FREE:
        name, field = each.split(".")
        schema = document["components"]["schemas"][name]["properties"][field]
        inner = schema.get("items", schema)
        assert "properties" not in inner, each
        assert "$ref" not in inner, each
