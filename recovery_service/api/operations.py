"""Each operation of the document: its id, who may call it, what it may refuse, and examples.

Nothing here is written down twice. Who may call comes from the access rule of the view; what it may
refuse comes from `refusals.json`, which `make contract` reads off the code, and from what the
operation takes; examples come from `examples`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson
from flask import Flask

from recovery_service.api.deprecation import deprecation_of
from recovery_service.api.examples import Examples
from recovery_service.api.guards import CONDITION, KEY, guard_of
from recovery_service.auth.access import AccessRule, access_rule
from recovery_service.domain.access import STAFF, Role
from recovery_service.errors import RecoveryError, StillRunning, every_error
from recovery_service.http_errors import PROBLEM, status_of

PREFIX = "/api/v1"
METHODS = ("get", "put", "post", "delete", "patch")
_REFUSALS = Path(__file__).with_name("refusals.json")
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_OF_A_BODY = ("malformed", "malformed_json", "too_large", "unsupported_media_type")
_OF_A_TOKEN = ("not_authenticated", "session_expired", "access_ended")
_OF_A_ROLE = ("not_allowed",)
_OF_ANY = ("invalid", "unavailable")
_OF_A_PAGE = ("invalid_cursor",)
_OF_A_GUARD: Mapping[str, tuple[str, ...]] = {
    KEY: (
        "idempotency_key_missing",
        "idempotency_key_reused",
        "malformed_header",
        StillRunning.code,
    ),
    CONDITION: ("malformed_header", "revision_missing", "revision_stale"),
}


@cache
def errors_by_code() -> Mapping[str, type[RecoveryError]]:
    """Return the error tree by code."""
    return {each.code: each for each in every_error()}


@cache
def refusals() -> Mapping[str, list[str]]:
    """Return the codes that each endpoint's own code can raise."""
    found: dict[str, list[str]] = orjson.loads(_REFUSALS.read_bytes()) if _REFUSALS.exists() else {}
    return found


def complete(document: dict[str, Any], app: Flask) -> dict[str, Any]:
    """Complete every operation of the document in place, and return it."""
    components = document.setdefault("components", {})
    examples = Examples(components.get("schemas", {}))
    endpoints = endpoints_of(app)
    named: set[str] = set()
    for path, method, operation in operations(document):
        endpoint = endpoints[path, method]
        operation["operationId"] = operation_id(method, path)
        shared = document["paths"][path].get("parameters", [])
        takes = [*shared, *operation.get("parameters", [])]
        _say_who(operation, access_rule(app, endpoint))
        _say_when_it_goes(operation, app, endpoint)
        codes = _codes(operation, endpoint, app, takes)
        _refuse(operation, codes)
        named |= codes
        _show(operation, takes, examples)
        operation["responses"] = dict(sorted(operation["responses"].items()))
    _keep_what_is_used(components, named)
    return document


def _keep_what_is_used(components: dict[str, Any], named: set[str]) -> None:
    """Show a problem of each code that is answered; drop what smorest declares for all cases."""
    known = errors_by_code()
    components["examples"] = {
        code: {"summary": known[code].meaning(), "value": _problem(known[code])}
        for code in sorted(named)
    }
    responses = components.get("responses", {})
    for name in [each for each in responses if each != "DEFAULT_ERROR"]:
        del responses[name]
    components.get("schemas", {}).pop("PaginationMetadata", None)


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation."""
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, method, operation


def endpoints_of(app: Flask) -> dict[tuple[str, str], str]:
    """Return the endpoint behind each path and method of the document."""
    return {
        (re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule), method.lower()): rule.endpoint
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }


def operation_id(method: str, path: str) -> str:
    """Return the name that generated clients call an operation by.

    It is made of the path, which is the contract: `/patients/{patient_id}/episodes` is
    `get_patient_episodes`, `/patients/{patient_id}` `get_patient`.
    """
    words: list[str] = []
    named = False
    for step in path.removeprefix(PREFIX).strip("/").split("/"):
        if not step.startswith("{"):
            words.append(re.sub(r"\W", "_", step))
        elif named:  # a second key of the same object
            words.append(f"by_{step.strip('{}')}")
        else:
            words[-1] = _one(words[-1])
        named = step.startswith("{")
    return "_".join([method, *words])


def _one(many: str) -> str:
    if many == "staff":
        return "staff_member"
    if many.endswith("ies"):
        return f"{many[:-3]}y"
    return re.sub("es$", "", many) if many.endswith("sses") else many.removesuffix("s")


def _say_who(operation: dict[str, Any], rule: AccessRule | None) -> None:
    if rule is None or rule.by == "nothing":
        who = "Needs no token."
        operation["security"] = []
    elif rule.roles >= STAFF | {Role.PATIENT}:
        who = "For everybody with a token."
    elif rule.roles >= STAFF:
        who = "For all staff."
    else:
        who = f"For {_listed(sorted(rule.roles))}."
    operation["summary"] = operation.get("summary", "").rstrip(".")
    said = operation.get("description", "")
    operation["description"] = f"{said}\n\n{who}" if said else who


def _listed(words: list[str]) -> str:
    known = {
        "patient": "patients",
        "physiotherapist": "physiotherapists",
        "surgeon": "surgeons",
        "coordinator": "coordinators",
        "admin": "admins",
    }
    *others, last = (known[word] for word in words)
    return f"{', '.join(others)} and {last}" if others else last


def _say_when_it_goes(operation: dict[str, Any], app: Flask, endpoint: str) -> None:
    declared = deprecation_of(app, endpoint)
    if declared is None:
        return
    operation["deprecated"] = True
    operation["x-sunset"] = declared.sunset.isoformat()
    operation["description"] = f"{declared.sentence()}\n\n{operation['description']}"


def _codes(
    operation: Mapping[str, Any], endpoint: str, app: Flask, takes: list[dict[str, Any]]
) -> set[str]:
    codes = {*refusals().get(endpoint, ()), *_OF_ANY}
    rule = access_rule(app, endpoint)
    if rule is not None and rule.by == "token":
        codes.update(_OF_A_TOKEN)
        if not rule.roles >= set(Role):
            codes.update(_OF_A_ROLE)
    codes.update(_OF_A_GUARD.get(guard_of(app.view_functions[endpoint]) or "", ()))
    if "requestBody" in operation:
        codes.update(_OF_A_BODY)
    if any(each["in"] == "path" for each in takes):
        codes.add("not_found")
    if any((each["in"], each["name"]) == ("query", "cursor") for each in takes):
        codes.update(_OF_A_PAGE)
    return codes


def _refuse(operation: dict[str, Any], codes: Iterable[str]) -> None:
    """Declare every status that the codes have, with what each code means."""
    responses = operation["responses"]
    known = errors_by_code()
    by_status: dict[str, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(str(status_of(known[code])), []).append(code)
    for status in [each for each in responses if each[0] in "45" and each not in by_status]:
        if "$ref" in responses[status]:  # smorest's guess, which no code bears out
            del responses[status]
    for status, own in by_status.items():
        stands = responses.get(status, {})
        content = stands.get("content", {}).get(PROBLEM, {"schema": _PROBLEM})
        meanings = "\n".join(f"- `{code}`: {known[code].meaning()}" for code in own)
        response: dict[str, Any] = {
            "description": meanings,
            "content": {
                PROBLEM: content
                | {"examples": {code: {"$ref": f"#/components/examples/{code}"} for code in own}}
            },
        }
        if headers := _headers(int(status)):
            response["headers"] = headers
        responses[status] = response


def _headers(status: int) -> dict[str, Any]:
    if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
        told = {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}
        return {"Retry-After": told}
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}}
    return {}


def _problem(error: type[RecoveryError]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": f"/docs/api#code-{error.code}",
        "title": error.meaning(),
        "status": status_of(error),
        "detail": error.meaning(),
        "code": error.code,
        "request_id": "2f1c0e9a7b5d4c3e8f6a1b2c3d4e5f60",
    }
    if error.code == "invalid":
        told["errors"] = [{"pointer": "/time_zone", "message": "Not an IANA time zone."}]
    return told


def _show(operation: dict[str, Any], takes: list[dict[str, Any]], examples: Examples) -> None:
    """Give parameters, body and answers their examples."""
    name = operation["operationId"]
    for parameter in takes:
        if parameter["in"] == "path":
            parameter.setdefault("example", examples.of_parameter(name, parameter))
            parameter.setdefault("description", _of_a_path(parameter["name"]))
    for media in operation.get("requestBody", {}).get("content", {}).values():
        media["example"] = examples.of(name, "request", media["schema"])
    for status, response in operation["responses"].items():
        if status[0] == "2":
            for kind, media in response.get("content", {}).items():
                if kind == "application/json":
                    media["example"] = examples.of(name, "response", media["schema"])


def _of_a_path(name: str) -> str:
    words = name.replace("_", " ")
    return f"The id of the {words.removesuffix(' id')}" if name.endswith("_id") else words.title()
