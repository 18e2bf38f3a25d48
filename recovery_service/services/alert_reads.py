"""Alerts as staff read them: one line a patient, and the whole story of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.red_flag_rules import TIERS
from recovery_service.models import Advice, AdviceResponse, Alert, AlertEvent, StaffMember
from recovery_service.services import audit
from recovery_service.services.alerts import alert_in_scope

# The facts of an alert are those of its latest finding; the patient's word is the last of all
# answers to its advice.
_ALERTS = """
SELECT a.patient_id, p.name, p.time_zone, a.episode_id, e.procedure, e.surgery_date,
       a.id, a.rule_id, a.rule_version, a.tier, a.state, a.raised_at, a.found_at, a.respond_by,
       a.escalation, a.assigned_to, m.name AS assigned_name, a.acknowledged_at, a.resolved_at,
       a.resolution, f.about, f.facts, r.response, r.received_at AS responded_at
  FROM alert a
  JOIN patient p ON p.clinic_id = a.clinic_id AND p.id = a.patient_id
  JOIN episode e ON e.clinic_id = a.clinic_id AND e.id = a.episode_id
  LEFT JOIN staff_member m ON m.clinic_id = a.clinic_id AND m.id = a.assigned_to
  LEFT JOIN LATERAL (
       SELECT v.about, v.facts FROM alert_event v
        WHERE v.clinic_id = a.clinic_id AND v.alert_id = a.id AND v.facts IS NOT NULL
        ORDER BY v.seq DESC NULLS LAST, v.at DESC LIMIT 1) f ON true
  LEFT JOIN LATERAL (
       SELECT w.response, w.received_at
         FROM advice d
         JOIN advice_response w ON w.clinic_id = d.clinic_id AND w.advice_id = d.id
        WHERE d.clinic_id = a.clinic_id AND d.alert_id = a.id
        ORDER BY w.received_at DESC LIMIT 1) r ON true
 WHERE a.clinic_id = %(clinic_id)s
"""
_UNRESOLVED = " AND a.state <> 'resolved'"
_OF_EPISODE = " AND a.episode_id = %(episode_id)s ORDER BY a.raised_at DESC, a.id DESC"
_PERSON = (
    "patient_id", "name", "time_zone", "episode_id", "procedure", "surgery_date",
)  # fmt: skip


_OF_PATIENTS = " AND a.patient_id = ANY (%(patients)s) AND a.raised_at <= %(as_of)s"

# Unresolved alerts are few beside all of a clinic's, and an index has them alone; what is read
# of each to rank is narrow, and only a page of patients is then read in full.
_RANKED = """
SELECT r.seen, r.tier, r.waits, r.name, r.patient_id
  FROM (SELECT a.patient_id, p.name COLLATE "C" AS name,
               bool_and(a.state <> 'open')::int AS seen,
               coalesce(min(array_position(%(tiers)s::text[], a.tier::text) - 1)
                            FILTER (WHERE a.state = 'open'),
                        min(array_position(%(tiers)s::text[], a.tier::text) - 1)) AS tier,
               coalesce(min(a.respond_by) FILTER (WHERE a.state = 'open'),
                        min(a.raised_at)) AS waits
          FROM alert a
          JOIN patient p ON p.clinic_id = a.clinic_id AND p.id = a.patient_id
         WHERE a.clinic_id = %(clinic_id)s AND a.state <> 'resolved' AND a.raised_at <= %(as_of)s
         GROUP BY a.patient_id, p.name
        {mine}) r
 {behind}
 ORDER BY r.seen, r.tier, r.waits, r.name, r.patient_id
 LIMIT %(limit)s
"""
_MINE = "HAVING bool_or(a.assigned_to = %(actor_id)s)"
_PLACE = ("seen", "tier", "waits", "name", "patient_id")
_BEHIND = """WHERE (r.seen, r.tier, r.waits, r.name, r.patient_id) > (
       %(seen)s::int, %(tier)s::int, %(waits)s::timestamptz, %(name)s::text COLLATE "C",
       %(patient_id)s::uuid)"""


class Place(NamedTuple):
    """What bundles are ranked by: unseen first, then by tier, then who waits longest."""

    seen: int
    tier: int
    waits: datetime
    name: str
    patient_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """All unresolved alerts of one patient: one line, whatever the number of reasons.

    `tier` is the most pressing, `respond_by` the earliest of those that nobody has seen.
    `alerts` are rows of `_ALERTS`, the most pressing first.
    """

    person: Mapping[str, Any]
    tier: str
    respond_by: datetime | None
    overdue: bool
    open: bool
    alerts: Sequence[Mapping[str, Any]]

    place: Place


def read_bundles(
    session: Session, actor: Actor, *, mine: bool, behind: Place | None, limit: int,
    as_of: datetime, now: datetime,
) -> list[Bundle]:  # fmt: skip
    """Return the clinic's unresolved alerts by patient, ranked as of an instant.

    One more than `limit`, from behind a place on. What was raised after `as_of` is left to
    the next look, so that the pages of one look fit together. `mine`: assigned to the actor.
    """
    audit.record(session, actor, "alerts_read", "alerts", None, now=now)
    values = {"clinic_id": actor.clinic_id, "as_of": as_of, "limit": limit + 1}
    driver = session.connection()
    statement = _RANKED.format(
        mine=_MINE if mine else "", behind=_BEHIND if behind is not None else ""
    )
    place = dict(zip(_PLACE, behind or (), strict=behind is not None))
    ranked = driver.exec_driver_sql(
        statement, {**values, **place, "actor_id": actor.id, "tiers": list(TIERS)}
    ).all()
    if not ranked:
        return []
    rows = driver.exec_driver_sql(
        _ALERTS + _UNRESOLVED + _OF_PATIENTS, {**values, "patients": [row[-1] for row in ranked]}
    )
    people: dict[UUID, list[Mapping[str, Any]]] = {}
    for row in rows.mappings():
        people.setdefault(row["patient_id"], []).append(dict(row))
    return [_bundle(people[row[-1]], Place(*row), as_of) for row in ranked if row[-1] in people]


def _bundle(alerts: list[Mapping[str, Any]], place: Place, as_of: datetime) -> Bundle:
    alerts = sorted(alerts, key=lambda one: (TIERS.index(one["tier"]), one["raised_at"]))
    unseen = [one for one in alerts if one["state"] == "open"]
    due = min((one["respond_by"] for one in unseen if one["respond_by"]), default=None)
    return Bundle(
        person={name: alerts[0][name] for name in _PERSON},
        tier=(unseen or alerts)[0]["tier"],
        respond_by=due,
        overdue=any(one["escalation"] for one in unseen) or bool(due and due <= as_of),
        open=bool(unseen),
        alerts=alerts,
        place=place,
    )


def alerts_of_episode(
    session: Session, clinic_id: UUID, episode_id: UUID
) -> list[Mapping[str, Any]]:
    """Return every alert of an episode, newest first."""
    rows = session.connection().exec_driver_sql(
        _ALERTS + _OF_EPISODE, {"clinic_id": clinic_id, "episode_id": episode_id}
    )
    return [dict(row) for row in rows.mappings()]


def unresolved_of_episode(
    session: Session, clinic_id: UUID, episode_id: UUID
) -> list[Mapping[str, Any]]:
    """Return what is not resolved in an episode, the most pressing first, then the oldest."""
    rows = session.connection().exec_driver_sql(
        _ALERTS + _UNRESOLVED + _OF_EPISODE, {"clinic_id": clinic_id, "episode_id": episode_id}
    )
    found = [dict(row) for row in rows.mappings()]
    return sorted(found, key=lambda one: (TIERS.index(one["tier"]), one["raised_at"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One alert with all that happened to it, and what the patient was told and did."""

    alert: Mapping[str, Any]
    events: Sequence[tuple[AlertEvent, str | None]]
    advice: Sequence[Advice]
    responses: Sequence[AdviceResponse]


def read_story(session: Session, actor: Actor, alert_id: UUID, *, now: datetime) -> Story:
    """Return the whole story of an alert, the oldest event first; raises NoSuchObject."""
    alert = alert_in_scope(session, actor, alert_id)
    audit.record(
        session, actor, "alert_read", "alert", alert_id, patient_id=alert.patient_id, now=now
    )
    return story_of(session, alert)


def story_of(session: Session, alert: Alert) -> Story:
    """Return the story of an alert that the reader may see."""
    key = {"clinic_id": alert.clinic_id, "alert_id": alert.id}
    row = session.connection().exec_driver_sql(_ALERTS + " AND a.id = %(alert_id)s", key)
    events = session.execute(
        select(AlertEvent, StaffMember.name)
        .outerjoin(
            StaffMember,
            (StaffMember.clinic_id == AlertEvent.clinic_id)
            & (StaffMember.id == AlertEvent.staff_id),
        )
        .where(AlertEvent.clinic_id == alert.clinic_id, AlertEvent.alert_id == alert.id)
        .order_by(AlertEvent.seq.nulls_first(), AlertEvent.at, AlertEvent.id)
    ).all()
    advice = session.scalars(
        select(Advice)
        .where(Advice.clinic_id == alert.clinic_id, Advice.alert_id == alert.id)
        .order_by(Advice.given_at, Advice.id)
    ).all()
    responses = session.scalars(
        select(AdviceResponse)
        .where(
            AdviceResponse.clinic_id == alert.clinic_id,
            AdviceResponse.advice_id.in_([one.id for one in advice]),
        )
        .order_by(AdviceResponse.received_at, AdviceResponse.id)
    ).all()
    return Story(
        alert=dict(row.mappings().one()),
        events=[(event, name) for event, name in events],
        advice=advice,
        responses=responses,
    )
