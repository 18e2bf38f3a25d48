"""The sync contract, run over HTTP against this service, and against one that breaks it.

Planted: each of the defects of `test_a_server_that_breaks_the_contract_is_found_out`.
"""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from recovery_service.clock import ManualClock
from recovery_service.services.sync_operations import Tried
from tests.conftest import MONDAY
from tests.contract.sync_runner import Differs, Run, Server, sign_in, vectors
from tests.factories import PASSWORD, ClinicWithStaff

VECTORS = {each["name"]: each for each in vectors()}
NAMED = {
    "retry", "reordering", "duplicate", "lost_answer", "skew", "lost_access", "device_replaced",
    "schema_upgrade",
}  # fmt: skip


@pytest.fixture
def server(app: Flask) -> Iterator[Server]:
    """Return the service at an address of its own."""
    http = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield Server(f"http://127.0.0.1:{http.server_port}")
    http.shutdown()


@pytest.fixture
def staff(server: Server, clinic: ClinicWithStaff, clock: ManualClock) -> str:
    assert clock() == MONDAY
    return sign_in(server, clinic.emails["physiotherapist"], PASSWORD)


def test_there_is_a_vector_for_each_thing_that_was_agreed() -> None:
    assert set(VECTORS) >= NAMED


@pytest.mark.parametrize("name", sorted(VECTORS))
def test_this_service_answers_as_agreed(server: Server, staff: str, name: str) -> None:
    Run(server, staff, now=MONDAY).play(VECTORS[name])


def unordered(sent: Any) -> Any:
    return list(sent)


def nothing_twice(*_: Any) -> bool:
    return False


def dropped(session: Any, perform: Any, unexpected: Any) -> Tried:
    return Tried(status="created")


@pytest.mark.parametrize(
    ("name", "place", "defect"),
    [
        ("reordering", "recovery_service.api.sync_batches.as_it_happened", unordered),
        ("retry", "recovery_service.api.sync_operations.taken_before", nothing_twice),
        ("lost_answer", "recovery_service.api.sync_batches.attempt", dropped),
        ("skew", "recovery_service.api.sync_batches.is_suspect", nothing_twice),
        ("schema_upgrade", "recovery_service.api.sync_answers.SyncCursor.goes_on", nothing_twice),
    ],
)
def test_a_server_that_breaks_the_contract_is_found_out(
    server: Server, staff: str, monkeypatch: pytest.MonkeyPatch, name: str, place: str, defect: Any
) -> None:
    monkeypatch.setattr(place, defect)
    with pytest.raises(Differs):
        Run(server, staff, now=MONDAY).play(VECTORS[name])
