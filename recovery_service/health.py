"""Whether the process lives and whether it can work, for machines that watch it."""

import hmac
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path

import structlog
from alembic.script import ScriptDirectory
from flask import Blueprint, Flask, Response, jsonify, request
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry
from sqlalchemy import RowMapping, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from recovery_service.auth import allow_anyone, request_time
from recovery_service.database import transaction
from recovery_service.errors import InvalidField, NotFound
from recovery_service.extensions import parts
from recovery_service.migrations import FOLDER
from recovery_service.reminders.heartbeat import FLEET

log = structlog.get_logger()
blueprint = Blueprint("health", __name__)

# A worker that has missed this many beats is taken for dead.
MISSED_BEATS = 3

_WORKERS = text("""
SELECT id, beat_at, started_at, figures FROM worker_heartbeat
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
    registry.register(Figures(now=request_time()))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Figures(Collector):
    """What the workers say of the queue and of themselves; web processes see one clinic only."""

    def __init__(self, *, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Yield the queue as the freshest worker sees it, and each worker's own totals."""
        workers = _workers()
        age = GaugeMetricFamily(
            "recovery_worker_heartbeat_age_seconds",
            "Seconds since a worker was last heard of",
            labels=["worker"],
        )
        done = CounterMetricFamily(
            "recovery_reminders",
            "What a worker has done since it started",
            labels=["worker", "what"],
        )
        for row in workers:
            age.add_metric([str(row["id"])], (self._now - row["beat_at"]).total_seconds())
            for what, count in sorted(row["figures"].get("since_start", {}).items()):
                done.add_metric([str(row["id"]), what], count)
        yield GaugeMetricFamily("recovery_workers", "Workers that have not stopped", len(workers))
        yield age
        yield done
        loops = _loops(workers)
        for name, value in (loops[0]["figures"] if loops else {}).items():
            if isinstance(value, int | float):
                yield GaugeMetricFamily(
                    f"recovery_queue_{name}", f"{name} of the whole queue", value
                )


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
    workers = _loops(_workers())
    if not workers:
        return "absent"
    fresh = now - workers[0]["beat_at"] <= MISSED_BEATS * parts().heartbeat
    return "ok" if fresh else "stale"


def _workers() -> list[RowMapping]:
    with transaction() as session:
        return list(session.execute(_WORKERS).mappings())


def _loops(workers: list[RowMapping]) -> list[RowMapping]:
    """Leave out the fleet: it lives on when nobody notices any more that something is due."""
    return [row for row in workers if row["figures"].get("role") != FLEET]


@cache
def _head() -> str | None:
    """Return the newest migration that this code knows."""
    return ScriptDirectory(str(Path(FOLDER))).get_current_head()


def init_health(app: Flask) -> None:
    """Mount the routes."""
    app.register_blueprint(blueprint)
