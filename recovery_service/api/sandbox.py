"""Sandboxes: an app's developer sees three weeks of a recovery in a minute."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

import structlog
from flask import Flask, current_app
from sqlalchemy import text
from sqlalchemy.orm import Session

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.sandbox import (
    SandboxClockRequest,
    SandboxClockSchema,
    SandboxMovedSchema,
)
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.access import STAFF, Actor
from recovery_service.domain.identifiers import new_id
from recovery_service.errors import NotASandbox
from recovery_service.extensions import parts
from recovery_service.reminders.dispatch import Sender
from recovery_service.reminders.fast_forward import Step, fast_forward
from recovery_service.reminders.not_done import Watching
from recovery_service.services import audit
from recovery_service.services.sandbox import (
    hold_clock,
    recovery_moment,
    require_reachable,
    require_sandbox,
    set_clock,
)

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "sandbox", __name__, url_prefix="/sandbox", description="A clinic whose time can be moved on"
)
# As long as a request may take; nobody else sends for a sandbox at a time that is ahead.
_LEASE = timedelta(minutes=5)


@blueprint.get("/clock")
@allow(*STAFF)
@blueprint.response(200, SandboxClockSchema)
def show() -> dict[str, Any]:
    """Show what time it is in the sandbox."""
    actor = current_actor()
    with transaction() as session:
        _require_sandbox(session, actor)
    return _clock(actor, request_time())


@blueprint.post("/clock", keyless="an instant is reached once")
@allow(*STAFF)
@blueprint.arguments(SandboxClockRequest)
@blueprint.response(200, SandboxMovedSchema)
def move(given: dict[str, Any]) -> dict[str, Any]:
    """Move the sandbox's time on; reminders, expiries and alerts happen on the way.

    They happen at their own instants and in their order, and they are really sent. Then
    the time stands still until it is moved again, or until the real time has caught up.
    Who is signed in stays a question of the real time: no session expires on the way.
    """
    actor, now = current_actor(), request_time()
    with transaction() as session:
        _require_sandbox(session, actor)
        target = _target(session, actor, given, now=now)
        with hold_clock(session, actor.clinic_id):
            audit.record(session, actor, "sandbox_clock_moved", "clinic", actor.clinic_id, now=now)
            steps = list(_moved(actor.clinic_id, now, target))
    log.info("sandbox_clock_moved", clinic_id=actor.clinic_id, count=len(steps))
    happened = [{"at": step.at, "counts": dict(+step.counts)} for step in steps if +step.counts]
    return {"before": now, "now": target, "moved": True, "steps": happened}


def _require_sandbox(session: Session, actor: Actor) -> None:
    if not parts().sandbox:
        raise NotASandbox
    require_sandbox(session, actor)


def _clock(actor: Actor, now: datetime) -> dict[str, Any]:
    return {"now": now, "moved": actor.sandbox_now is not None and actor.sandbox_now >= now}


def _target(session: Session, actor: Actor, given: dict[str, Any], *, now: datetime) -> datetime:
    target: datetime
    if "to" in given:
        target, pointer = given["to"].astimezone(now.tzinfo), "/to"
    else:
        at: time = given["local_time"]
        pointer = "/recovery_day"
        target = recovery_moment(
            session,
            actor,
            given["episode_id"],
            recovery_day=given["recovery_day"],
            minute=at.hour * 60 + at.minute,
        )
    require_reachable(target, pointer, now=now)
    return target


def _moved(clinic_id: UUID, now: datetime, target: datetime) -> Iterator[Step]:
    """Take the worker's steps inside the clinic's wall; each instant is kept once it is done."""
    begin = _inside(current_app._get_current_object(), clinic_id)  # type: ignore[attr-defined] # noqa: SLF001
    own, clock = parts(), ManualClock(now)
    sender = Sender(
        transaction=begin,
        channels=own.channels,
        clock=clock,
        keys=own.keys,
        worker_id=new_id(now=now),
        lease=_LEASE,
        watching=Watching(rules=own.content.red_flags, policy=own.content.alert_policy),
        webhooks=own.webhooks,
    )
    for step in fast_forward(sender, clock, target):
        with begin() as session:
            set_clock(session, clinic_id, step.at)
        yield step


def _inside(app: Flask, clinic_id: UUID) -> Any:
    """Return transactions behind one clinic's wall, which any thread may begin.

    The loop speaks to the driver itself; the first statement is the session's, so that the
    wall stands before.
    """

    @contextmanager
    def begin() -> Iterator[Session]:
        with app.app_context(), transaction(clinic_id) as session:
            session.execute(text("SELECT 1"))
            yield session

    return begin
