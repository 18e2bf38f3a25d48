"""What the API says about itself: the OpenAPI document and a page to try it."""

from dataclasses import dataclass
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import flask_smorest
import orjson
from flask import Blueprint, Flask, Response, current_app, render_template

from recovery_service.api.operations import PREFIX, complete
from recovery_service.api.schema_attributes import attribute_functions
from recovery_service.api.schemas.base import ProblemSchema
from recovery_service.errors import every_error
from recovery_service.http_errors import PROBLEM, status_of

TITLE = "Recovery service"
REFERENCE = "/docs/api"

# This origin only: no inline script, no evaluated string, no foreign host.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

DESCRIPTION = f"""\
The backend for the weeks after minimally invasive spine surgery.

Instants are RFC 3339 with an offset, local dates `YYYY-MM-DD`, local times `HH:MM`, zones IANA
names; ids are opaque. Unknown fields and unknown query arguments are refused; clients pass over
members of an answer that they do not know. Lists take `limit` and `cursor` and answer `items` and
`next_cursor`. Bodies have at most 256 KiB.

A POST can be repeated: by the `id` that the client chose, or by its `Idempotency-Key`, a new
UUID in double quotes for each thing to be done. What staff share is read with an `ETag`, and an
edit names it in `If-Match`.

Every error is an `{PROBLEM}` object; decide by its `code`. The codes, one by one:
[{REFERENCE}#codes]({REFERENCE}#codes).
"""


@dataclass(frozen=True)
class ErrorCode:
    """One line of the list of codes."""

    code: str
    status: int
    meaning: str


def error_codes() -> list[ErrorCode]:
    """Return every code of the error tree with its status, by status."""
    listed = [ErrorCode(each.code, status_of(each), each.meaning()) for each in every_error()]
    return sorted(listed, key=lambda each: (each.status, each.code))


class RecoveryApi(flask_smorest.Api):  # type: ignore[misc] # the package is untyped
    """flask-smorest's registry, with our errors and our document."""

    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        """Leave errors to `http_errors`; the stock handler answers pages with JSON."""

    def _register_doc_blueprint(self) -> None:
        """Leave the document to this module's own routes."""

    def _register_responses(self) -> None:
        """Declare every error as problem+json, which is what is sent."""
        content = {PROBLEM: {"schema": ProblemSchema}}
        for status in HTTPStatus:
            response: dict[str, Any] = {"description": status.phrase}
            if status >= HTTPStatus.BAD_REQUEST:
                response["content"] = content
            self.spec.components.response(status.name, response, lazy=True)
        problem = {"description": "A problem; see its `code`", "content": content}
        self.spec.components.response("DEFAULT_ERROR", problem, lazy=True)


def make_api(app: Flask, *, base_url: str) -> RecoveryApi:
    """Return the registry of the app's API, served at `base_url`."""
    app.config.update(
        API_TITLE=TITLE, API_VERSION=version("recovery-service"), OPENAPI_VERSION="3.1.0"
    )
    codes = [{"code": e.code, "status": e.status, "meaning": e.meaning} for e in error_codes()]
    api = RecoveryApi(
        app,
        spec_kwargs={
            "info": {
                "description": DESCRIPTION,
                "contact": {"name": "The clinic that runs this service", "url": base_url},
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            # First where the document was read, so that trying a call needs no other origin.
            "servers": [{"url": "/"}, {"url": base_url.rstrip("/")}],
            "security": [{"bearer": []}],
            "x-error-codes": codes,
        },
    )
    api.spec.components.security_scheme(
        "bearer",
        {
            "type": "http",
            "scheme": "bearer",
            "description": "The access token of a patient's device or of staff",
        },
    )
    for function in attribute_functions():
        api.ma_plugin.converter.add_attribute_function(function)
    return api


def documents(api: RecoveryApi) -> Blueprint:
    """Return the routes of the OpenAPI document and of the reference page."""
    blueprint = Blueprint(
        "documents",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path=f"{REFERENCE}/assets",
    )
    blueprint.add_url_rule(f"{PREFIX}/openapi.json", "openapi", _Document(api))
    blueprint.add_url_rule(REFERENCE, "reference", _reference)
    blueprint.after_request(_with_policy)
    return blueprint


class _Document:
    """The OpenAPI document, written on the first request."""

    __name__ = "openapi"

    def __init__(self, api: RecoveryApi) -> None:
        self._api = api
        self._text = b""

    def __call__(self) -> Response:
        """Answer with the document, or with 304 if the client has it."""
        if not self._text:
            self._text = orjson.dumps(
                complete(self._api.spec.to_dict(), current_app),
                option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS,
            )
        response = Response(self._text, content_type="application/json")
        response.cache_control.no_cache = True  # with a tag: see `representations`
        return response


def _reference() -> str:
    return render_template("reference.html", title=f"{TITLE}: API", codes=error_codes())


def _with_policy(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    return response
