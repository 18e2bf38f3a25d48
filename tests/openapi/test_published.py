"""The committed document is the one that is served, and says what an app needs."""

import json
from typing import Any

import pytest
from flask import Flask

from recovery_service.api.examples import Examples, written
from recovery_service.api.operations import endpoints_of, operation_id, operations
from recovery_service.auth.access import access_rule
from recovery_service.http_errors import PROBLEM
from tests.openapi.changes import UnannouncedError, refuse_unannounced
from tests.openapi.published import DOCUMENT, REFUSALS, ROOT
from tests.openapi.raising import raised_by

ANEW = "run `make contract` and look at what it changed"


def test_a_change_of_the_api_is_seen_in_review(published: dict[str, Any]) -> None:
    """To plant: a field of `MeSchema` that the committed document does not have."""
    committed = json.loads((ROOT / DOCUMENT).read_text(encoding="utf-8"))
    try:
        refuse_unannounced(committed, published)
    except UnannouncedError as refusal:
        pytest.fail(str(refusal))
    assert committed == published, ANEW


def test_the_errors_of_each_operation_are_those_its_code_can_raise(service: Flask) -> None:
    """To plant: `raise errors.DraftMissing` in a service that had none."""
    assert json.loads((ROOT / REFUSALS).read_text(encoding="utf-8")) == raised_by(service), ANEW


def test_what_is_read_off_the_code_is_what_it_raises() -> None:
    """To plant: methods not followed (`act` refuses in one), names of a package not followed."""
    found = json.loads((ROOT / REFUSALS).read_text(encoding="utf-8"))
    assert {"client_id_reused", "occurrence_too_old", "nothing_to_reopen"} <= {
        *found["my_occurrences.take"]
    }
    assert {"enrolment_code_locked", "too_many_requests"} <= {*found["enrolments.create"]}
    assert {"nothing_to_publish", "surgery_date_needed"} <= {*found["plans.publish"]}
    assert "sign_in_failed" not in found["my_occurrences.take"]


def test_each_operation_is_documented_as_its_view_is_declared(
    service: Flask, published: dict[str, Any]
) -> None:
    """To plant: no 403 for routes of some roles; a lock on the route that gives the first token."""
    endpoints = endpoints_of(service)
    for path, method, operation in operations(published):
        rule = access_rule(service, endpoints[path, method])
        assert rule is not None
        name = operation["operationId"]
        by_token = rule.by == "token"
        assert ("401" in operation["responses"]) == by_token or name.startswith("post_"), name
        assert (operation.get("security") == []) == (not by_token), name
        assert {"422", "503", "default"} <= operation["responses"].keys(), name
        for status, response in operation["responses"].items():
            if status[0] in "45":
                assert set(response["content"]) == {PROBLEM}
                assert response["description"].startswith("- `")


def test_a_list_in_pages_says_that_a_cursor_may_be_refused(published: dict[str, Any]) -> None:
    """Planted: the codes of a page left out."""
    lists = [
        each
        for _, _, each in operations(published)
        if any(taken["name"] == "cursor" for taken in each.get("parameters", ()))
    ]
    assert len(lists) > 10
    for each in lists:
        assert "- `invalid_cursor`" in each["responses"]["422"]["description"], each["operationId"]


def test_a_response_as_fhir_is_among_the_answers(published: dict[str, Any]) -> None:
    """Planted: the Bundle not declared."""
    path = "/api/v1/episodes/{episode_id}/questionnaire-responses/{response_id}"
    content = published["paths"][path]["get"]["responses"]["200"]["content"]
    assert content.keys() == {"application/json", "application/fhir+json"}


def test_every_operation_has_a_name_of_its_own(published: dict[str, Any]) -> None:
    names = [each["operationId"] for _, _, each in operations(published)]
    assert len(names) == len(set(names)) > 100


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("get", "/me", "get_me"),
        ("get", "/patients", "get_patients"),
        ("get", "/patients/{patient_id}", "get_patient"),
        ("put", "/patients/{patient_id}/addresses", "put_patient_addresses"),
        ("delete", "/addresses/{address_id}", "delete_address"),
        ("get", "/content-approvals/{kind}/{code}", "get_content_approval_by_code"),
        ("get", "/policies/{policy_id}/versions/{n}", "get_policy_version"),
        ("get", "/me/appointments.ics", "get_me_appointments_ics"),
    ],
)
def test_an_operation_is_called_by_its_path(method: str, path: str, name: str) -> None:
    assert operation_id(method, f"/api/v1{path}") == name


def test_every_example_of_a_request_is_one_that_the_service_takes(
    service: Flask, published: dict[str, Any]
) -> None:
    """Planted: `"resolution": "called_patient"`, which is none of the allowed ones."""
    endpoints, count = endpoints_of(service), 0
    for path, method, operation in operations(published):
        view: Any = service.view_functions[endpoints[path, method]]
        for taken in view._apidoc.get("arguments", {}).get("parameters", ()):
            if taken["in"] != "json":
                continue
            (content,) = operation["requestBody"]["content"].values()
            refused = taken["schema"].validate(content["example"])
            assert not refused, (operation["operationId"], refused)
            count += 1
    assert count == len([1 for _, _, each in operations(published) if "requestBody" in each])


def test_no_example_is_only_the_name_of_its_field(published: dict[str, Any]) -> None:
    """The answers are validated by Spectral. To plant: a field of text without an example."""
    examples = Examples(published["components"]["schemas"])
    for _, _, operation in operations(published):
        name = operation["operationId"]
        for media in operation.get("requestBody", {}).get("content", {}).values():
            examples.of(name, "request", media["schema"])
        for response in operation["responses"].values():
            if media := response.get("content", {}).get("application/json"):
                examples.of(name, "response", media["schema"])
    missing = "give these an example: in their metadata, or in examples.json, by name"
    assert examples.unnamed == set(), missing


def test_the_most_important_operations_have_examples_from_a_running_service(
    published: dict[str, Any],
) -> None:
    whole = written()["operations"]
    named = {each["operationId"] for _, _, each in operations(published)}
    assert whole.keys() <= named, "examples of operations that are gone"
    assert len([each for each in whole.values() if "response" in each]) >= 10


def test_every_reference_leads_somewhere(published: dict[str, Any]) -> None:
    ahead: list[Any] = [published]
    count = 0
    while ahead:
        node = ahead.pop()
        if isinstance(node, dict):
            if isinstance(reference := node.get("$ref"), str):
                place: Any = published
                for step in reference.removeprefix("#/").split("/"):
                    place = place[step]
                count += 1
            ahead.extend(node.values())
        elif isinstance(node, list):
            ahead.extend(node)
    assert count > 500


def test_requests_are_closed_and_answers_open(published: dict[str, Any]) -> None:
    """To plant: answers that promise to have no further member, which no later version keeps."""
    schemas = published["components"]["schemas"]
    assert schemas["CheckInRequest"]["additionalProperties"] is False
    for name in ("Me", "Agenda", "CheckIn", "Problem"):
        assert "additionalProperties" not in schemas[name], name
