"""Liveness, readiness and metrics.

Planted defects that turned these red: a stale worker answered 503 without being
required; a stopped worker counted as present; /metrics open without a token.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.models import WorkerHeartbeat
from recovery_service.reminders.heartbeat import FLEET
from tests.conftest import MONDAY, running_app, settings_for

METRICS_TOKEN = "a token for the figures of the test suite only"


@pytest.fixture
def own_app(postgres: EmbeddedPostgres, own_database: str) -> Iterator[Flask]:
    settings = settings_for(postgres, own_database, RECOVERY_METRICS_TOKEN=METRICS_TOKEN)
    with running_app(settings, ManualClock(MONDAY)) as app:
        yield app


FIGURES: dict[str, Any] = {"schedule_lag_s": 1.5, "channels": {"webpush": {"sent": 7}}}


def beat(
    app: Flask, *, ago: timedelta, stopped: bool = False, figures: dict[str, Any] = FIGURES
) -> None:
    with app.app_context(), transaction() as session:
        session.execute(delete(WorkerHeartbeat))
        session.add(
            WorkerHeartbeat(
                id=uuid4(),
                host="here",
                pid=1,
                started_at=MONDAY - timedelta(hours=1),
                beat_at=MONDAY - ago,
                stopped_at=MONDAY if stopped else None,
                figures=figures,
            )
        )


def test_a_process_lives_without_its_database(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}


@pytest.mark.parametrize(
    ("seconds", "stopped", "worker", "status"),
    [(10, False, "ok", "ok"), (46, False, "stale", "degraded"), (1, True, "absent", "degraded")],
)
def test_a_dead_worker_degrades_and_takes_no_check_ins_down(
    own_app: Flask, seconds: int, stopped: bool, worker: str, status: str
) -> None:
    beat(own_app, ago=timedelta(seconds=seconds), stopped=stopped)
    client = own_app.test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["status"]) == (200, status)
    assert answer.get_json()["checks"]["worker"] == worker
    required = client.get("/readyz?require=worker")
    assert required.status_code == (200 if worker == "ok" else 503)


def test_a_fleet_without_a_worker_is_no_worker(own_app: Flask) -> None:
    """Planted: count every heartbeat; the fleet lives on and nobody notices what is due."""
    beat(own_app, ago=timedelta(seconds=1), figures={"role": FLEET, "since_start": {"sent": 7}})
    client = own_app.test_client()
    assert client.get("/readyz").get_json()["checks"]["worker"] == "absent"
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    assert 'recovery_workers{role="fleet"} 1.0' in answer.text
    assert "\nrecovery_schedule_lag_seconds " not in answer.text


def test_an_unknown_requirement_is_refused(client: FlaskClient) -> None:
    assert client.get("/readyz?require=luck").status_code == 422


def test_figures_are_shown_to_who_holds_the_token(own_app: Flask) -> None:
    beat(own_app, ago=timedelta(seconds=5))
    client = own_app.test_client()
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer no"}).status_code == 404
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    assert answer.status_code == 200
    assert "\nrecovery_schedule_lag_seconds 1.5\n" in answer.text
    assert 'channel="webpush",outcome="sent"' in answer.text
    assert "} 7.0\n" in answer.text


def test_a_database_that_is_gone_makes_the_process_unready(
    postgres: EmbeddedPostgres, template: str
) -> None:
    settings = settings_for(postgres, "no_such_database")
    with running_app(settings, ManualClock(MONDAY)) as app:
        answer = app.test_client().get("/readyz")
        assert answer.status_code == 503
        assert answer.get_json()["checks"]["database"] == "unreachable"
