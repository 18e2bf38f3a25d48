"""Errors at the edge: one shape, the right status, and nothing that leaks."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy.exc
import structlog
from flask import Flask, redirect
from flask.testing import FlaskClient
from marshmallow import Schema, ValidationError, fields, validate
from werkzeug.exceptions import Forbidden, RequestEntityTooLarge
from werkzeug.wrappers import Response

from recovery_service import errors
from recovery_service.errors import FieldError, RecoveryError, every_error
from recovery_service.http_errors import (
    PROBLEM,
    STATUS,
    Problem,
    field_errors,
    init_errors,
    status_of,
)
from recovery_service.logs import init_logs

CANARY = "pain-nine-of-ten"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def app_that(fail: Callable[[], Any], **hooks: Any) -> FlaskClient:
    app = Flask(__name__)
    init_logs(app)
    init_errors(app, **hooks)
    app.add_url_rule("/api/v1/it", "api", fail, methods=["GET"])
    app.add_url_rule("/page", "page", fail, methods=["GET"])
    return app.test_client()


def failing_with(error: BaseException, **hooks: Any) -> FlaskClient:
    def fail() -> None:
        raise error

    return app_that(fail, **hooks)


def driver_error(orig: psycopg.Error, *, invalidated: bool = False) -> sqlalchemy.exc.DBAPIError:
    return sqlalchemy.exc.DBAPIError(
        f"INSERT {CANARY}", {"note": CANARY}, orig, connection_invalidated=invalidated
    )


EXPECTED = {
    errors.NoSuchObject("patient"): 404,
    errors.ClientIdReused("check-in", "id", {}): 409,
    errors.InvalidField("/a", "b"): 422,
    errors.RevisionStale("7"): 412,
    errors.RevisionMissing(): 428,
    errors.AccessEnded(): 401,
    errors.NotAllowed("publish a plan"): 403,
    errors.TooManyRequests(9): 429,
    errors.TooLarge(): 413,
    errors.MalformedJson(): 400,
    errors.UnsupportedMediaType(): 415,
    errors.Unavailable(): 503,
}


@pytest.mark.parametrize(("error", "status"), EXPECTED.items(), ids=lambda each: str(each)[:30])
def test_a_family_has_its_status_and_the_problem_has_every_member(
    error: RecoveryError, status: int
) -> None:
    answer = failing_with(error).get("/api/v1/it", headers={"X-Request-Id": "abcdefgh-1"})
    assert answer.status_code == status
    assert answer.content_type == PROBLEM
    problem = answer.get_json(force=True)
    assert problem["status"] == status
    assert problem["code"] == error.code
    assert problem["type"] == f"/docs/api#code-{error.code}"
    assert problem["title"] == error.meaning()
    assert problem["detail"] == (error.detail or error.meaning())
    assert problem["request_id"] == "abcdefgh-1"
    assert answer.headers["Cache-Control"] == "no-store"


def test_every_error_but_the_root_belongs_to_a_family_with_a_client_status() -> None:
    fives = {each.code for each in every_error() if status_of(each) >= 500}
    assert fives == {"internal_error", "unavailable"}
    assert len(set(STATUS.values())) == len(STATUS)


def test_the_fields_in_question_are_listed() -> None:
    wrong = errors.Invalid(errors=[FieldError("/a/0", "No."), FieldError("?limit", "Too big.")])
    problem = failing_with(wrong).get("/api/v1/it").get_json(force=True)
    assert problem["errors"] == [
        {"pointer": "/a/0", "message": "No."},
        {"pointer": "?limit", "message": "Too big."},
    ]


def test_a_reused_id_shows_the_stored_object_only_as_json() -> None:
    shown = errors.ClientIdReused("check-in", "1", {"id": "1"})
    assert failing_with(shown).get("/api/v1/it").get_json(force=True)["stored"] == {"id": "1"}
    raw = errors.ClientIdReused("check-in", "1", object())
    answer = failing_with(raw).get("/api/v1/it")
    assert answer.status_code == 409
    assert "stored" not in answer.get_json(force=True)


def test_who_must_wait_is_told_how_long_and_who_must_sign_in_how() -> None:
    assert failing_with(errors.TooManyRequests(9)).get("/page").headers["Retry-After"] == "9"
    signed_out = failing_with(errors.SessionExpired()).get("/api/v1/it")
    assert signed_out.headers["WWW-Authenticate"] == "Bearer"
    assert failing_with(errors.RevisionStale("v7")).get("/api/v1/it").headers["ETag"] == '"v7"'


def test_a_wrong_method_keeps_the_list_of_right_ones() -> None:
    answer = app_that(lambda: "fine").delete("/api/v1/it")
    assert answer.status_code == 405
    assert answer.get_json(force=True)["code"] == "method_not_allowed"
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_an_unknown_address_is_a_problem_under_api_and_a_page_elsewhere() -> None:
    client = app_that(lambda: "fine")
    assert client.get("/api/v1/no").get_json(force=True)["code"] == "not_found"
    assert client.get("/api", headers=BROWSER).content_type == PROBLEM
    page = client.get("/no", headers=BROWSER)
    assert (page.status_code, page.content_type) == (404, "text/html; charset=utf-8")
    assert "<h1>There is nothing at this address" in page.text
    assert page.headers["X-Request-Id"] in page.text
    assert client.get("/no", headers={"Accept": "application/json"}).content_type == PROBLEM
    assert client.get("/apiary", headers=BROWSER).content_type.startswith("text/html")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(Forbidden(), 403, "forbidden"), (RequestEntityTooLarge(), 413, "too_large")],
)
def test_the_framework_s_own_errors_get_our_codes(error: Any, status: int, code: str) -> None:
    answer = failing_with(error).get("/api/v1/it")
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (status, code)


def test_a_redirect_is_no_error() -> None:
    def away() -> Response:
        return redirect("/elsewhere", 303)

    assert app_that(away).get("/page").status_code == 303


def test_html_in_an_error_is_inert() -> None:
    page = failing_with(errors.InvalidField("/a", "<script>")).get("/page", headers=BROWSER)
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


def test_titles_and_pages_come_from_the_hooks() -> None:
    def page(problem: Problem) -> str:
        return f"<p lang=tr>{problem.title}"

    client = failing_with(
        errors.AccessEnded(), title={"access_ended": "Erişim sona erdi."}.get, page=page
    )
    assert client.get("/api/v1/it").get_json(force=True)["title"] == "Erişim sona erdi."
    assert client.get("/page", headers=BROWSER).text == "<p lang=tr>Erişim sona erdi."


@pytest.mark.parametrize("path", ["/api/v1/it", "/page"])
def test_an_unexpected_error_is_generic_and_its_traceback_holds_no_values(path: str) -> None:
    def fail() -> None:
        note = CANARY
        raise ValueError(note) from KeyError(CANARY)

    with structlog.testing.capture_logs() as lines:
        answer = app_that(fail).get(path, headers=BROWSER)
    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] in answer.text
    [line] = [each for each in lines if each["event"] == "request_failed"]
    assert line["error"] == "builtins.ValueError"
    assert line["caused_by"] == ["builtins.KeyError"]
    assert line["frames"][-1].endswith(":fail")
    assert CANARY not in answer.text + str(lines)


def test_our_own_root_error_is_unexpected_too() -> None:
    answer = failing_with(RecoveryError(CANARY)).get("/api/v1/it")
    assert (answer.status_code, CANARY in answer.text) == (500, False)


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError(CANARY),
        driver_error(psycopg.OperationalError(CANARY)),
        driver_error(psycopg.errors.QueryCanceled(CANARY)),
        driver_error(psycopg.errors.LockNotAvailable(CANARY)),
        driver_error(psycopg.errors.AdminShutdown(CANARY)),
        driver_error(psycopg.InterfaceError(CANARY), invalidated=True),
        sqlalchemy.exc.TimeoutError(CANARY),
    ],
    ids=lambda each: f"{type(each).__name__} {type(getattr(each, 'orig', each)).__name__}",
)
def test_a_database_that_is_gone_or_slow_is_503_with_a_time_to_wait(error: Exception) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = failing_with(error).get("/api/v1/it")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.get_json(force=True)["code"] == "unavailable"
    assert lines[0]["event"] == "database_unavailable"
    assert CANARY not in answer.text + str(lines)


@pytest.mark.parametrize(
    "error",
    [
        driver_error(psycopg.errors.UniqueViolation(CANARY)),
        driver_error(psycopg.errors.UndefinedTable(CANARY)),
        psycopg.DataError(CANARY),
        sqlalchemy.exc.NoResultFound(CANARY),
    ],
    ids=lambda each: type(getattr(each, "orig", each)).__name__,
)
def test_any_other_database_error_is_a_generic_500_without_statement_or_parameters(
    error: Exception,
) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = failing_with(error).get("/api/v1/it")
    assert answer.status_code == 500
    assert CANARY not in answer.text + str(lines)


class Inner(Schema):
    day = fields.Date(data_key="on")


class Outer(Schema):
    items = fields.List(fields.Nested(Inner))
    answers = fields.Dict(
        keys=fields.String(validate=validate.Length(max=4)), values=fields.Integer()
    )
    value = fields.Integer()


def test_what_marshmallow_says_becomes_pointers_of_the_document() -> None:
    schema = Outer()
    with pytest.raises(ValidationError) as caught:
        schema.load(
            {
                "items": [{"on": "2026-01-01"}, {"on": "x"}],
                "answers": {"pain": "x", "toolong": 1},
                "value": "x",
                "a/b~c": 1,
            }
        )
    found = field_errors(caught.value.messages, schema)
    assert {each.pointer for each in found} == {
        "/a~1b~0c",
        "/answers/pain",
        "/answers/toolong",
        "/items/1/on",
        "/value",
    }
    answer = failing_with(caught.value).get("/api/v1/it")
    assert answer.status_code == 422
    assert "/items/1/on" in [each["pointer"] for each in answer.get_json(force=True)["errors"]]


def test_a_message_about_the_whole_points_at_the_whole() -> None:
    assert field_errors({"_schema": ["No."]}) == [FieldError("", "No.")]
    assert field_errors({"limit": ["No."]}, query=True) == [FieldError("?limit", "No.")]
