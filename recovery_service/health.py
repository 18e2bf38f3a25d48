"""Whether the process lives and whether it can work, for machines that watch it."""

import hmac
from datetime import datetime
from functools import cache
from pathlib import Path

import structlog
from alembic.script import ScriptDirectory
from flask import Blueprint, Flask, Response, jsonify, request
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from recovery_service.auth import allow_anyone, request_time
from recovery_service.database import transaction
from recovery_service.errors import InvalidField, NotFound
from recovery_service.extensions import parts
from recovery_service.migrations import FOLDER
from recovery_service.reminders.metrics import Beat, LoopFigures

log = structlog.get_logger()
blueprint = Blueprint("health", __name__)

# A worker that has missed this many beats is taken for dead.
MISSED_BEATS = 3

_WORKERS = text("""
SELECT id, beat_at, figures FROM worker_heartbeat
 WHERE stopped_at IS NULL ORDER BY beat_at DESC
""")


@blueprint.get("/healthz")
@allow_anyone("whoever starts the process asks whether it lives")
def healthz() -> Response:
    """Tell that the process lives."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
@allow_anyone("the load balancer asks whether to send requests here")
def readyz() -> tuple[Response, int]:
    """Tell whether the process can work.

    Without database or migrations it cannot: 503. A worker that has fallen silent
    degrades the service but must not take check-ins down, so it is 503 only for who
    asks with ``?require=worker``.
    """
    require = request.args.get("require")
    if require not in {None, "worker"} or set(request.args) - {"require"}:
        raise InvalidField("?require", "Must be worker, or absent.")
    checks = _checks(now=request_time())
    able = checks["database"] == checks["migrations"] == "ok"
    whole = able and checks["worker"] == "ok"
    status = "ok" if whole else "degraded" if able else "unavailable"
    ready = whole if require else able
    return jsonify(status=status, checks=checks), 200 if ready else 503


@blueprint.get("/metrics")
@allow_anyone("guarded by a token of its own; not public")
def metrics() -> Response:
    """Show figures for Prometheus to who holds the metrics token; the demo shows its own host."""
    token = parts().metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    own_host = parts().demo and request.remote_addr in {"127.0.0.1", "::1"}
    if not own_host and (token is None or not hmac.compare_digest(given.encode(), token.encode())):
        raise NotFound
    registry = CollectorRegistry()
    registry.register(LoopFigures(_beats(), now=request_time()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _checks(*, now: datetime) -> dict[str, str]:
    checks = {"database": "unreachable", "migrations": "unknown", "worker": "unknown"}
    try:
        with transaction() as session:
            stored = session.scalar(text("SELECT version_num FROM alembic_version"))
        checks["database"] = "ok"
        checks["migrations"] = "ok" if stored == _head() else "pending"
        checks["worker"] = _worker_state(now=now)
    except (DBAPIError, PoolExhausted) as error:
        if checks["database"] == "ok":
            checks["migrations"] = "pending"
        log.warning("readiness_check_failed", error=type(error).__name__)
    return checks


def _worker_state(*, now: datetime) -> str:
    heard = next((each.beat_at for each in _beats() if not each.sends_only), None)
    if heard is None:
        return "absent"
    return "ok" if now - heard <= MISSED_BEATS * parts().heartbeat else "stale"


def _beats() -> list[Beat]:
    with transaction() as session:
        return [Beat(*row) for row in session.execute(_WORKERS)]


@cache
def _head() -> str | None:
    """Return the newest migration that this code knows."""
    return ScriptDirectory(str(Path(FOLDER))).get_current_head()


def init_health(app: Flask) -> None:
    """Mount the routes."""
    app.register_blueprint(blueprint)
