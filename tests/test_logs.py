"""Log lines: known keys, plain values, and nobody's health."""

import io
import json
import logging
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from recovery_service.http_errors import init_errors
from recovery_service.logs import KEYS, WITHHELD, configure_logs, init_logs

CANARY = "numb-left-foot"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    configure_logs("json", level="DEBUG", stream=stream)
    yield stream
    root.setLevel(level)
    root.handlers[:] = handlers
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


@pytest.fixture
def client(lines: io.StringIO) -> FlaskClient:
    app = Flask(__name__)
    init_logs(app)
    init_errors(app)

    @app.route("/api/patients/<patient_id>", methods=["GET", "POST"])
    def patient(patient_id: str) -> str:
        return patient_id

    return app.test_client()


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_identifiers_counts_and_instants_are_written(lines: io.StringIO) -> None:
    check_in_id = uuid.uuid4()
    structlog.get_logger().info(
        "check_in_recorded", check_in_id=check_in_id, repeated=False, attempts=3, tick=1.5
    )
    [line] = written(lines)
    assert line["event"] == "check_in_recorded"
    assert line["level"] == "info"
    assert line["check_in_id"] == str(check_in_id)
    assert (line["repeated"], line["attempts"], line["tick"]) == (False, 3, 1.5)
    assert datetime.fromisoformat(line["timestamp"]).tzinfo == UTC


@pytest.mark.parametrize(
    "said",
    [
        {"pain": 9},
        {"note": CANARY},
        {"answers": {"numbness": CANARY}},
        {"code": f"feels {CANARY}"},
        {"count": {"note": CANARY}},
        {"source": object()},
        {"patient_id": {"name": CANARY}},
        {"patient_id": f"{CANARY} and more"},
        {"frames": [{"note": CANARY}]},
    ],
    ids=lambda each: next(iter(each)),
)
def test_what_is_not_known_to_be_harmless_is_withheld(
    lines: io.StringIO, said: dict[str, Any]
) -> None:
    structlog.get_logger().warning("check_in_recorded", **said)
    [line] = written(lines)
    assert line[next(iter(said))] in (WITHHELD, [WITHHELD])
    assert CANARY not in lines.getvalue()


def test_an_event_is_a_constant_name_never_a_sentence(lines: io.StringIO) -> None:
    structlog.get_logger().info(f"patient says {CANARY}")
    assert written(lines)[0]["event"] == WITHHELD


def test_no_key_of_a_persons_state_is_on_the_list() -> None:
    assert KEYS.isdisjoint(
        {"pain", "note", "answers", "name", "text", "diagnosis", "procedure", "email", "phone"}
        | {"advice", "tier", "kind", "title", "value", "body", "path", "query", "exception"}
    )


def test_a_logged_exception_shows_types_and_places_only(lines: io.StringIO) -> None:
    try:
        int(CANARY)
    except ValueError:
        structlog.get_logger().exception("tick_failed")
    [line] = written(lines)
    assert line["error"] == "builtins.ValueError"
    assert "test_logs.py" in line["frames"][-1]
    assert CANARY not in lines.getvalue()


def test_libraries_are_heard_from_warning_on_without_their_arguments(lines: io.StringIO) -> None:
    library = logging.getLogger("some.library")
    library.info("not heard")
    library.warning("refused %s", CANARY)
    library.warning(f"refused {CANARY}")
    try:
        int(CANARY)
    except ValueError:
        library.exception("failed for %s", CANARY)
    first, second, third = written(lines)
    assert (first["library"], first["template"]) == ("some.library", "refused %s")
    assert second["template"] == WITHHELD
    assert "test_logs.py:" in second["at"]
    assert third["error"] == "builtins.ValueError"
    assert CANARY not in lines.getvalue()


def test_set_up_twice_speaks_once(lines: io.StringIO) -> None:
    configure_logs("json", stream=lines)
    logging.getLogger("some.library").warning("refused %s", 1)
    assert len(written(lines)) == 1


def test_each_request_is_one_line_with_the_rule_not_the_path(
    client: FlaskClient, lines: io.StringIO
) -> None:
    client.post(
        f"/api/patients/{CANARY}?name={CANARY}", data=CANARY, headers={"User-Agent": CANARY}
    )
    client.get(f"/nowhere/{CANARY}")
    first, second = written(lines)
    assert first["event"] == "request_answered"
    assert first["method"] == "POST"
    assert first["route"] == "/api/patients/<patient_id>"
    assert first["status"] == 200
    assert first["ms"] >= 0
    assert (second["route"], second["status"]) == ("unmatched", 404)
    assert CANARY not in lines.getvalue()


def test_a_request_id_is_echoed_and_logged(client: FlaskClient, lines: io.StringIO) -> None:
    answer = client.get("/api/patients/1", headers={"X-Request-Id": "phone.2026_A-1"})
    assert answer.headers["X-Request-Id"] == "phone.2026_A-1"
    assert written(lines)[0]["request_id"] == "phone.2026_A-1"


@pytest.mark.parametrize(
    "odd", ["short", "x" * 65, "has space", "line\u2028break", "a;b;c;d;e", ""]
)
def test_an_odd_request_id_is_replaced(client: FlaskClient, odd: str) -> None:
    answer = client.get("/api/patients/1", headers={"X-Request-Id": odd.encode().decode("latin-1")})
    assert answer.headers["X-Request-Id"] != odd
    assert len(answer.headers["X-Request-Id"]) == 32


def test_one_request_does_not_inherit_from_the_one_before(
    client: FlaskClient, lines: io.StringIO
) -> None:
    structlog.contextvars.bind_contextvars(staff_id="left-over")
    ids = {client.get("/api/patients/1").headers["X-Request-Id"] for _ in range(3)}
    assert len(ids) == 3
    assert "left-over" not in lines.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_value_can_forge_a_second_line(form: Any) -> None:
    stream = io.StringIO()
    configure_logs(form, stream=stream)
    forged = "ok\r\n2026-01-01 [error] database_dropped\x1b[2J"
    structlog.get_logger().info("sign_in", staff_id=forged, code=forged, **{"a\nb_id": 1})
    library = logging.getLogger("some.library")
    library.warning(f"{forged} %s", 1)
    structlog.reset_defaults()
    assert len(stream.getvalue().strip().splitlines()) == 2
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()
    if form == "json":
        template = written(stream)[1]["template"]
        assert template == "ok  2026-01-01 [error] database_dropped [2J %s"
