"""What the load is pressed against: patients that the service serves, and twins that fit.

Neither `wrk` nor FastAPI is part of the tests' requirements, so the twin is read instead of
run. Seen red with a plan without items, with a token whose family is another's, and with a
column of the twin renamed.
"""

import ast
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from benchmarks import bare_flask
from benchmarks.at_home import seed_at_home, shipped_content
from benchmarks.cluster import connected
from benchmarks.servers import NotServing, free_port, serving
from recovery_service.clock import ManualClock
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.models import Base
from tests.conftest import running_app, settings_for

EVENING = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
TWIN = Path(bare_flask.__file__).with_name("fastapi_twin.py")


def test_a_seeded_phone_opens_the_app_and_reports(
    postgres: EmbeddedPostgres, own_database: str
) -> None:
    with connected(postgres, own_database) as connection:
        phones = seed_at_home(connection, 3, now=EVENING)
    with running_app(settings_for(postgres, own_database), ManualClock(EVENING)) as app:
        client = app.test_client()
        for phone in phones:
            bearer = {"Authorization": f"Bearer {phone.token}"}
            opened = client.get("/api/v1/me", headers=bearer)
            assert opened.status_code == 200
            assert opened.json is not None
            assert opened.json["due_today"]
            report = {
                "id": str(uuid4()),
                "date": phone.today.isoformat(),
                "recorded_at": EVENING.isoformat(),
                "time_zone": phone.zone,
                "form_version": shipped_content().check_ins.form_version,
                "answers": {"nrs_back": 3, "wound": "dry", "temp_c": 36.6},
            }
            stored = client.post("/api/v1/me/check-ins", json=report, headers=bearer)
            assert stored.status_code == 201
            assert stored.json is not None
            assert stored.json["check_in"]["issues"] == []


def test_the_twin_uses_the_tables_as_they_are() -> None:
    checked = 0
    for table, columns in _tables_of(TWIN).items():
        assert columns <= {*Base.metadata.tables[table].columns.keys()}, table
        checked += 1
    assert checked > 5
    # What a request has to name; the transaction the database writes by itself, for both.
    named = {*Base.metadata.tables["check_in"].columns.keys()} - {"changed_in"}
    assert _tables_of(TWIN)["check_in"] == named


def test_the_bare_route_answers() -> None:
    assert bare_flask.app.test_client().post("/").json == {"ok": True}


def test_a_server_that_does_not_start_is_an_error() -> None:
    port = free_port()
    with pytest.raises(NotServing), serving(["-c", "raise SystemExit(1)"], {}, port):
        pass


def _tables_of(module: Path) -> dict[str, set[str]]:
    """Return the columns that each mapped class of a module names, by table."""
    found: dict[str, set[str]] = {}
    for node in ast.parse(module.read_text()).body:
        if not isinstance(node, ast.ClassDef):
            continue
        named = [each.value for each in node.body if isinstance(each, ast.Assign)]
        columns = {
            each.target.id
            for each in node.body
            if isinstance(each, ast.AnnAssign)
            and isinstance(each.target, ast.Name)
            and "Mapped" in ast.unparse(each.annotation)
        }
        if named and isinstance(named[0], ast.Constant) and columns:
            found[str(named[0].value)] = columns
    return found
