"""Patients at home with a live plan of the shipped template and a phone that is signed in."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.people import Person, Town, copy_rows
from config.content import read_content
from recovery_service.domain.content import Content
from recovery_service.domain.local_time import local_date, start_of_day
from recovery_service.domain.plan_templates import PlanTemplate, TemplateItem
from recovery_service.domain.recurrence import Occurrence, next_after
from recovery_service.domain.tokens import Token

TEMPLATE = "lumbar_microdiscectomy_restricted_6w"
CLINICS = 4

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Phone:
    """A signed-in phone: what it sends with every request, and where it is."""

    token: str
    zone: str
    today: date


def seed_at_home(
    connection: psycopg.Connection[Any], patients: int, *, now: datetime
) -> list[Phone]:
    """Store that many patients as they are at the beginning of their day; return their phones."""
    random = Random(20_260_303)  # noqa: S311 - the same people in every run
    town = Town(random, now)
    town.fill(clinics=CLINICS, patients=patients)
    template = shipped_content().template(TEMPLATE)
    with connection.transaction():
        town.store(connection)
        _store_team(connection, town)
        _store_plans(connection, town, template)
        return _store_tokens(connection, town)


@cache
def shipped_content() -> Content:
    """Return the shipped clinical content."""
    return Content.parse(read_content())


def _store_team(connection: psycopg.Connection[Any], town: Town) -> None:
    staff = {clinic_id: town.ids.new() for clinic_id, _ in town.clinics}
    stamps = {"created_at": town.now, "updated_at": town.now, "version": 1}
    copy_rows(
        connection,
        "staff_member",
        (
            {
                "clinic_id": clinic_id,
                "id": staff_id,
                "email": f"staff@{clinic_id.hex[:8]}.example",
                "name": "Benchmark Physiotherapist",
                "roles": ["physiotherapist"],
                "locale": "en",
                **stamps,
            }
            for clinic_id, staff_id in staff.items()
        ),
    )
    copy_rows(
        connection,
        "care_team_member",
        (
            {
                "clinic_id": each.clinic_id,
                "id": town.ids.new(),
                "patient_id": each.id,
                "staff_id": staff[each.clinic_id],
                "lead": True,
                "from_date": each.surgery,
            }
            for each in town.people
        ),
    )


def _store_plans(connection: psycopg.Connection[Any], town: Town, template: PlanTemplate) -> None:
    plans = [(each, town.ids.new(), town.ids.new()) for each in town.people]
    items = [
        (person, revision_id, position, item, town.ids.new())
        for person, _, revision_id in plans
        for position, item in enumerate(template.items)
    ]
    phases = json.dumps([each.as_json() for each in template.phases])
    copy_rows(
        connection,
        "recovery_plan",
        (
            {
                "clinic_id": person.clinic_id,
                "id": plan_id,
                "episode_id": person.episode_id,
                "template_code": template.code,
                "template_version": template.version,
                "template_hash": template.content_hash,
                "created_at": town.now,
            }
            for person, plan_id, _ in plans
        ),
    )
    copy_rows(
        connection,
        "plan_revision",
        (
            {
                "clinic_id": person.clinic_id,
                "id": revision_id,
                "plan_id": plan_id,
                "number": 1,
                "state": "live",
                "phases": phases,
                "effective_from": person.discharge,
                "published_at": town.now,
                "version": 1,
                "created_at": town.now,
                "updated_at": town.now,
            }
            for person, plan_id, revision_id in plans
        ),
    )
    rules = {item.rule.hash(): item.rule for item in template.items}
    copy_rows(
        connection,
        "schedule_rule",
        (
            {"clinic_id": clinic_id, "hash": key, "rule": json.dumps(rule.as_json())}
            for clinic_id, _ in town.clinics
            for key, rule in rules.items()
        ),
    )
    copy_rows(
        connection,
        "plan_item",
        (
            {
                "clinic_id": person.clinic_id,
                "id": town.ids.new(),
                "revision_id": revision_id,
                "lineage_id": lineage_id,
                "position": position,
                **_item_columns(template.code, position),
            }
            for person, revision_id, position, _, lineage_id in items
        ),
    )
    copy_rows(
        connection,
        "schedule",
        (_schedule(person, item, lineage_id, town.now) for person, _, _, item, lineage_id in items),
    )


@cache
def _item_columns(template: str, position: int) -> dict[str, Any]:
    item = shipped_content().template(template).items[position]
    return {
        "code": item.code,
        "kind": item.kind,
        "phase": item.phase,
        "title": json.dumps(dict(item.title)),
        "instructions": json.dumps(dict(item.instructions)),
        "dose": json.dumps(dict(item.dose), default=dict),
        "media": "[]",
        "rule": json.dumps(item.rule.as_json()),
        "source": list(item.source),
        "grade": item.grade,
        "clinician_must_confirm": item.clinician_must_confirm,
    }


def _schedule(
    person: Person, item: TemplateItem, lineage_id: UUID, now: datetime
) -> dict[str, Any]:
    days = (local_date(person.zone, now) - person.surgery).days
    place = _place(item.code, days, person.zone, now)
    anchor = person.surgery if item.rule.anchor == "surgery" else person.discharge
    return {
        "clinic_id": person.clinic_id,
        "id": lineage_id,
        "patient_id": person.id,
        "episode_id": person.episode_id,
        "kind": item.kind,
        "remind_via": item.rule.remind_via,
        "rule_hash": _hash(item.code),
        "anchor_date": anchor,
        "time_zone": person.zone,
        "opens_at": start_of_day(person.zone, person.discharge),
        "next_date": place and place.local_date,
        "next_minute": place and place.minute,
        "next_due_at": place and place.due_at,
        "revision": 1,
        "failures": 0,
    }


@cache
def _item(code: str) -> TemplateItem:
    items = shipped_content().template(TEMPLATE).items
    return next(each for each in items if each.code == code)


@cache
def _hash(code: str) -> str:
    return _item(code).rule.hash()


@cache
def _place(code: str, days: int, zone: str, now: datetime) -> Occurrence | None:
    """Return where an item's schedule stands at midnight, that many days after surgery."""
    rule, today = _item(code).rule, local_date(zone, now)
    surgery = today - timedelta(days=days)
    anchor = surgery if rule.anchor == "surgery" else surgery + timedelta(days=1)
    return next_after(rule, anchor, zone, start_of_day(zone, today) - _MOMENT)


def _store_tokens(connection: psycopg.Connection[Any], town: Town) -> list[Phone]:
    signed_in = [
        (each, town.ids.new(), Token(each.clinic_id, town.random.randbytes(32)))
        for each in town.people
    ]
    copy_rows(connection, "token_family", (_family(*each, town.now) for each in signed_in))
    copy_rows(connection, "access_token", (_access(*each, town.now) for each in signed_in))
    return [
        Phone(token.text, person.zone, local_date(person.zone, town.now))
        for person, _, token in signed_in
    ]


def _family(person: Person, family_id: UUID, _token: Token, now: datetime) -> dict[str, Any]:
    return {
        "clinic_id": person.clinic_id,
        "id": family_id,
        "patient_id": person.id,
        "device_id": person.device_id,
        "created_at": now,
    }


def _access(person: Person, family_id: UUID, token: Token, now: datetime) -> dict[str, Any]:
    return {
        "clinic_id": person.clinic_id,
        "token_hash": token.hash,
        "family_id": family_id,
        "expires_at": now + timedelta(days=1),
    }
