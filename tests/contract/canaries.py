"""Patients whose every health, identifying and contact text is a word that must not get out."""

from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import ARRAY, Column, String, insert
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from recovery_service.domain.recurrence import Rule
from recovery_service.models import Base
from recovery_service.models.privacy import Privacy
from recovery_service.reminders.channels.protocol import Address
from tests.models.rows import DAY, NOW, Row, Rows, table, valid_rows
from tests.reminders.plans import rule

CANARY = "kanarya"
PERSONAL = {Privacy.HEALTH, Privacy.IDENTIFYING, Privacy.CONTACT}

# What the loop reads as a key, or a constraint reads as a word of its own.
_MEANT = {
    ("episode", "side"),
    ("episode", "end_reason"),
    ("destination", "address"),
}
# Names that a clinic gives are nobody's health, but may say what it does.
_NAMES = {("clinic", "name"), ("site", "name"), ("plan_item", "code"), ("plan_restriction", "code")}
_OF_A_PATIENT = (
    "clinic",
    "site",
    "staff_member",
    "patient",
    "patient_external_id",
    "care_team_member",
    "episode",
    "device",
    "destination",
    "recovery_plan",
    "plan_revision",
    "plan_item",
    "plan_restriction",
    "schedule_rule",
    "schedule",
    "occurrence",
    "occurrence_action",
    "check_in",
    "appointment",
)
_numbers = count()


def canary_columns() -> set[tuple[str, str]]:
    """Return (table, column) of every text that carries a canary."""
    return {
        (name, column.name)
        for name in _OF_A_PATIENT
        for column in table(name).columns
        if _carries(name, column)
    }


def _carries(name: str, column: Column[Any]) -> bool:
    if (name, column.name) in _NAMES:
        return True
    told = isinstance(column.type, String | JSONB | ARRAY)
    personal = column.info["privacy"] in PERSONAL and column.name != "time_zone"
    return told and personal and (name, column.name) not in _MEANT


def store_canaries(session: Session, rows: Rows) -> None:
    """Store the rows, those that others point at first."""
    for each in Base.metadata.sorted_tables:
        if each.name in _OF_A_PATIENT:
            session.execute(insert(each).values(**rows[each.name]))


def canary_rows(kind: str, address: Address) -> Rows:
    """Return a clinic with one patient who is reminded of `kind` at NOW, at that address."""
    rows = valid_rows()
    rows["destination"] |= _destination(rows, address)
    rows["schedule_rule"] |= _rule_row(rule())
    rows["schedule"] |= {
        "kind": kind,
        "rule_hash": rule().hash(),
        "opens_at": NOW - timedelta(hours=9),
        "next_date": DAY,
        "next_minute": 9 * 60,
        "next_due_at": NOW,
    }
    rows["plan_item"]["kind"] = kind
    rows["occurrence"] |= {
        "occ_key": "20260301.morning",
        "local_date": DAY - timedelta(days=1),
        "due_at": NOW - timedelta(days=1),
        "expires_at": NOW - timedelta(hours=20),
        "state": "done",
        "closed_at": NOW - timedelta(hours=23),
    }
    for name, column in canary_columns():
        rows[name][column] = _canary(table(name).columns[column])
    return rows


def _destination(rows: Rows, address: Address) -> Row:
    on_a_device = address.subscription is not None
    return {
        "channel": address.channel,
        "address": address.address,
        "subscription": address.subscription,
        "device_id": rows["device"]["id"] if on_a_device else None,
        "verified_at": NOW,
    }


def _rule_row(its_rule: Rule) -> Row:
    return {"hash": its_rule.hash(), "rule": its_rule.as_json()}


def _canary(column: Column[Any]) -> Any:
    word = f"{CANARY}{next(_numbers)}"
    match column.type:
        case JSONB():
            return {"en": word, "tr": word}
        case ARRAY():
            return [word]
        case String():
            return f"{word}@home.example" if column.name == "email" else word
    raise TypeError(column)
