"""The demo's clinic, lived through: its past is made by the real services on a told clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from secrets import token_urlsafe
from uuid import UUID

from flask import Flask
from sqlalchemy import make_url, text

from config.settings import Settings
from recovery_service.app import create_app
from recovery_service.cli.applications import sender_of
from recovery_service.cli.demo_clinic_patient import DAY, Floor
from recovery_service.cli.demo_clinic_people import (
    CLINIC,
    COLLEAGUES,
    LONDON,
    SITES,
    STORIES,
    WEEKDAYS,
    Colleague,
)
from recovery_service.cli.demo_clinic_recovery import Event, Recovery
from recovery_service.cli.demo_clinic_rounds import rounds
from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.domain.access import Actor, Role
from recovery_service.domain.identifiers import new_id
from recovery_service.extensions import db, parts
from recovery_service.reminders.channels import build_channels
from recovery_service.reminders.channels.inbox import InboxSettings
from recovery_service.reminders.loop import Loop
from recovery_service.services.new_clinics import founder, give_totp, open_clinic
from recovery_service.services.sites import NewSite, add_site
from recovery_service.services.staff import NewStaffMember, add_member
from recovery_service.services.tokens import Issuer

# So long before a round the loop has gone: the reminders that it answers have just arrived.
_AHEAD = timedelta(minutes=39)
_OPENED = timedelta(days=2)
# A power cut while seeding costs nothing but the seeding, which then begins anew.
_HASTE = "-c synchronous_commit=off"

SignIns = dict[str, tuple[str, str | None]]
"""Password and seed of one-time codes, by e-mail address."""


def seed(settings: Settings, *, now: datetime, progress: Callable[[float], object]) -> SignIns:
    """Fill an empty database with the clinic as it stands at `now`; return who can sign in.

    `progress` is told the share that is done, from 0 to 1.
    """
    clock = ManualClock(now - _OPENED - DAY * max(story.day for story in STORIES))
    with _application(settings, clock) as web, _application(settings, clock, worker=True) as worker:
        loop = _loop(worker)
        with web.app_context():
            floor, sign_ins = _open(clock())
            events = _events(floor, loop, now)
            for done, event in enumerate(events):
                clock.set(event.at)
                event.happens(event.at)
                progress(done / len(events))
            clock.set(now)
            _tick(loop)
            _make_last()
    return sign_ins


@contextmanager
def _application(
    settings: Settings, clock: ManualClock, *, worker: bool = False
) -> Iterator[Flask]:
    hasty = replace(
        settings,
        database_url=_hasty(settings.database_url),
        worker_database_url=_hasty(settings.worker_database_url),
    )
    channels = build_channels(inbox=InboxSettings())
    app = create_app(hasty, clock=clock, channels=channels, worker=worker)
    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


def _hasty(url: str) -> str:
    return make_url(url).update_query_dict({"options": _HASTE}).render_as_string(False)


def _loop(worker: Flask) -> Loop:
    return Loop(sender_of(worker, lease=timedelta(minutes=1)))


def _tick(loop: Loop) -> None:
    loop.materialise()
    for channel in loop.sender.channels:
        loop.send(channel)
    loop.sweep()


def _open(now: datetime) -> tuple[Floor, SignIns]:
    """Open the clinic with its sites and its people."""
    own, clinic_id = parts(), new_id(now=now)
    actor = founder(clinic_id)
    sign_ins: SignIns = {}
    staff: dict[str, Actor] = {}
    with transaction(clinic_id) as session:
        first = open_clinic(session, actor, CLINIC, _site(LONDON), kind="demo", now=now)
        sites = {LONDON: first.id} | {
            zone: add_site(session, actor, _site(zone), now=now).id
            for zone in SITES
            if zone != LONDON
        }
        for colleague in COLLEAGUES:
            password = token_urlsafe(15)
            member = add_member(session, actor, own.keys, _new(colleague, password), now=now)
            totp = give_totp(own.keys, member) if colleague.totp else None
            sign_ins[colleague.email] = (password, totp)
            staff[colleague.role] = _actor(clinic_id, member.id, colleague.role)
    issuer = Issuer(keys=own.keys, life=own.access_token_life)
    floor = Floor(clinic_id=clinic_id, staff=staff, sites=sites, issuer=issuer, content=own.content)
    return floor, sign_ins


def _site(zone: str) -> NewSite:
    return NewSite(time_zone=zone, opening_hours=WEEKDAYS, is_default=zone == LONDON, **SITES[zone])


def _new(colleague: Colleague, password: str) -> NewStaffMember:
    return NewStaffMember(
        email=colleague.email, name=colleague.name, roles=[colleague.role], password=password
    )


def _actor(clinic_id: UUID, staff_id: UUID, role: str) -> Actor:
    return Actor(clinic_id=clinic_id, kind="staff", id=staff_id, roles=frozenset({Role(role)}))


def _events(floor: Floor, loop: Loop, now: datetime) -> list[Event]:
    """Return all that has happened by `now` in its order, with the loop's passes in between."""
    recoveries = [
        Recovery(floor, story, place=place, today=now) for place, story in enumerate(STORIES)
    ]
    lived = [event for each in recoveries for event in each.events() if event.at <= now]
    passes = {event.at - _AHEAD for event in lived}
    ticks = [Event(at, -1, lambda _now: _tick(loop)) for at in passes]
    handled = rounds(floor, min((event.at for event in lived), default=now), now)
    return sorted([*lived, *ticks, *handled])


def _make_last() -> None:
    """Have all that was written on the disk: a commit that waits carries those before it."""
    with transaction() as session:
        session.execute(text("SET LOCAL synchronous_commit = on"))
        session.execute(text("SELECT pg_current_xact_id()"))
