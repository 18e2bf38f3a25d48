"""What the patient's app opens with: everything in one statement, one round trip.

`GET /me` carries most of the reading, so its rows become the answer's JSON directly,
without objects in between; the schema `MeSchema` documents it and a test compares them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from recovery_service.domain.app_versions import AppUpdate
from recovery_service.domain.content import Content
from recovery_service.domain.episodes import plan_state
from recovery_service.domain.languages import in_language
from recovery_service.domain.local_time import local_date, zone
from recovery_service.domain.monitoring import Waiting, Watch, promise
from recovery_service.domain.opening_times import OpeningTimes
from recovery_service.domain.progression import Progression
from recovery_service.domain.recovery_day import RecoveryDay
from recovery_service.domain.reminder_policy import policy_of
from recovery_service.domain.zone_suggestion import suggested_zone
from recovery_service.services.agenda import AGENDA_ROWS, AgendaEntry, agenda_values, read_agenda

# One row about the person and then those of the agenda: a join on nothing puts them side by side.
# Of the episodes the one that has not ended counts, else the last. Kept short: see `RECORD`.
_STATEMENT = f"""
WITH person AS MATERIALIZED (
SELECT p.id, p.name, p.time_zone, p.locale, p.contact_mode, p.preferences::text,
       e.id, e.procedure, e.surgery_date, e.surgery_date_assumed, e.discharge_date,
       e.state, r.phases::text, g.decisions,
       c.name, c.reminder_defaults::text, s.name, s.phones::text,
       t.people, d.time_zone, s.country, s.time_zone,
       s.opening_hours::text, ARRAY(SELECT day FROM site_holiday
           WHERE clinic_id = p.clinic_id AND site_id = s.id AND day
                 BETWEEN %(today)s::date - 1 AND %(today)s::date + 61) AS holidays,
       e.monitored_until, a.respond_by, a.seen_at, a.escalated
  FROM patient p
  JOIN clinic c ON c.id = p.clinic_id
  LEFT JOIN LATERAL (
       SELECT *
         FROM episode
        WHERE clinic_id = p.clinic_id AND patient_id = p.id
        ORDER BY state = 'ended', discharge_date DESC, id DESC
        LIMIT 1) e ON true
  LEFT JOIN recovery_plan n ON n.clinic_id = e.clinic_id AND n.episode_id = e.id
  LEFT JOIN plan_revision r ON r.clinic_id = n.clinic_id AND r.plan_id = n.id AND r.state = 'live'
  LEFT JOIN LATERAL (
       SELECT jsonb_object_agg(f.phase, f.decision)::text AS decisions
         FROM (SELECT DISTINCT ON (phase) phase, decision
                 FROM phase_decision
                WHERE clinic_id = e.clinic_id AND episode_id = e.id
                ORDER BY phase, number DESC) f) g ON true
  LEFT JOIN site s ON s.clinic_id = p.clinic_id
                  AND CASE WHEN e.id IS NULL THEN s.is_default ELSE s.id = e.site_id END
  LEFT JOIN device d ON d.clinic_id = p.clinic_id AND d.id = %(device_id)s::uuid
 CROSS JOIN LATERAL (
       SELECT jsonb_agg(jsonb_build_array(m.name, roles) ORDER BY lead DESC, m.name)::text people
         FROM (SELECT staff_id, bool_or(lead) AS lead
                 FROM care_team_member
                WHERE clinic_id = p.clinic_id AND patient_id = p.id
                  AND from_date <= %(today)s AND (to_date IS NULL OR to_date >= %(today)s)
                GROUP BY staff_id) f
         JOIN staff_member m ON m.clinic_id = p.clinic_id AND m.id = f.staff_id
        WHERE m.disabled_at IS NULL) t
 CROSS JOIN LATERAL (
       SELECT min(respond_by) FILTER (WHERE state = 'open') AS respond_by,
              max(acknowledged_at) FILTER (WHERE state = 'acknowledged') AS seen_at,
              coalesce(bool_or(escalation > 0 AND state = 'open'), false) AS escalated
         FROM alert
        WHERE clinic_id = p.clinic_id AND episode_id = e.id AND state <> 'resolved') a
 WHERE p.clinic_id = %(clinic_id)s AND p.id = %(patient_id)s
)
SELECT person.*, day.* FROM person FULL JOIN ({AGENDA_ROWS}) AS day ON false
"""
STATEMENT = " ".join(_STATEMENT.split())

# Of several roles, the one in which a patient knows somebody.
_ROLES = ("physiotherapist", "surgeon", "coordinator", "admin")


class _Person(NamedTuple):
    """The first columns of `STATEMENT`."""

    patient_id: UUID
    name: str
    time_zone: str
    locale: str
    contact_mode: str
    preferences: str
    episode_id: UUID | None
    procedure: str
    surgery_date: date | None
    surgery_date_assumed: bool
    discharge_date: date
    episode_state: str
    phases: str | None
    decisions: str | None
    clinic_name: str
    reminder_defaults: str
    site_name: str | None
    phones: str | None
    people: str | None
    device_zone: str | None
    country: str | None
    site_zone: str | None
    opening_hours: str | None
    holidays: list[date]
    monitored_until: date | None
    respond_by: datetime | None
    seen_at: datetime | None
    escalated: bool


_WIDTH = len(_Person._fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One opening of the app: who, on which device, when, in which language."""

    clinic_id: UUID
    patient_id: UUID
    device_id: UUID | None
    time_zone: str
    now: datetime
    language: str
    app_update: AppUpdate | None = None

    @property
    def today(self) -> date:
        """The patient's local date."""
        return local_date(self.time_zone, self.now)

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of `STATEMENT`."""
        own = {"today": self.today, "device_id": self.device_id}
        return own | agenda_values(self.clinic_id, self.patient_id, self.today, self.today)


def read_me(
    rows: Sequence[Sequence[Any]],
    opening: Opening,
    *,
    content: Content,
    vapid_public_key: str | None,
) -> dict[str, Any]:
    """Return the answer that the rows of `STATEMENT` make; `MeSchema` says what is in it."""
    person = next(_Person._make(row[:_WIDTH]) for row in rows if row[0] is not None)
    day = (row[_WIDTH:] for row in rows if row[0] is None)
    today, language = opening.today, opening.language
    entries = read_agenda(day, today, today, now=opening.now, language=language)
    phones = orjson.loads(person.phones or "{}")
    return {
        "profile": _profile(person),
        "reminders": _reminders(person, opening),
        "today": today,
        "episode": _episode(person, opening),
        "plan_state": plan_state(person.episode_state, published=person.phases is not None),
        "due_today": [entry_as_json(entry) for entry in entries],
        "monitoring": _monitoring(content, person, phones, opening),
        "care_team": [_colleague(*each) for each in orjson.loads(person.people or "[]")],
        "clinic": {"name": person.clinic_name, "site": person.site_name, "phones": phones},
        "zone_suggestion": suggested_zone(person.time_zone, person.device_zone, now=opening.now),
        "vapid_public_key": vapid_public_key,
        "app_update": opening.app_update and opening.app_update._asdict(),
    }


def entry_as_json(entry: AgendaEntry) -> dict[str, Any]:
    """Return an entry of the agenda as the API shows it."""
    return {
        "id": entry.id,
        "kind": entry.kind,
        "title": entry.title,
        "slot": entry.slot,
        "local_date": entry.local_date,
        "local_time": f"{entry.local_time:%H:%M}",
        "due_at": entry.due_at,
        "expires_at": entry.expires_at,
        "state": entry.state,
        "reason": entry.reason,
        "remind_via": entry.remind_via,
        "next_at": entry.next_at,
        "deep_link": entry.deep_link,
        "valid_until": entry.valid_until,
    }


def _profile(person: _Person) -> dict[str, Any]:
    return {
        "id": person.patient_id,
        "name": person.name,
        "time_zone": person.time_zone,
        "locale": person.locale,
        "contact_mode": person.contact_mode,
        "preferences": orjson.loads(person.preferences),
    }


def _reminders(person: _Person, opening: Opening) -> dict[str, Any]:
    """Return what holds for reminders today: the clinic's defaults and the patient's choices."""
    preferences = orjson.loads(person.preferences)
    policy = policy_of(person.reminder_defaults).for_patient(preferences)
    breaks = preferences.get("sitting_breaks", {})
    since = person.surgery_date or person.discharge_date
    settings = policy.as_json()
    return {
        "quiet_hours": settings["quiet_hours"],
        "pushes_a_day": policy.pushes_on((opening.today - since).days) if since else 0,
        "bundle_minutes": policy.bundle,
        "sitting_breaks": {"enabled": breaks.get("enabled", False), "most": policy.breaks},
        "failover": settings["failover"],
    }


def _monitoring(
    content: Content, person: _Person, phones: Mapping[str, str], opening: Opening
) -> dict[str, Any]:
    """Return who looks at what the patient reports, as the answer to a check-in says it."""
    now, due = opening.now, person.respond_by
    times = OpeningTimes(
        time_zone=person.site_zone or person.time_zone,
        hours=orjson.loads(person.opening_hours or "{}"),
        holidays=frozenset(person.holidays),
    )
    directory = content.emergency_numbers.directory(
        phones,
        country=person.country or "",
        time_zone=person.device_zone or person.time_zone,
        is_open=times.is_open(now),
    )
    watch = Watch(
        site=person.site_name,
        times=times,
        directory=directory,
        until=_watched_until(content, person),
        ended=person.episode_state == "ended",
    )
    waiting = Waiting(
        respond_by=due,
        seen_at=person.seen_at,
        overdue=person.escalated or bool(due and due <= now),
    )
    return promise(
        content, watch, waiting, now=now, time_zone=person.time_zone, language=opening.language
    )


def _watched_until(content: Content, person: _Person) -> date | None:
    if person.episode_id is None:
        return None
    return content.alert_policy.monitored_until(
        person.monitored_until,
        surgery_date=person.surgery_date,
        discharge_date=person.discharge_date,
    )


def _episode(person: _Person, opening: Opening) -> dict[str, Any] | None:
    if person.episode_id is None:
        return None
    day = RecoveryDay.of(
        surgery=person.surgery_date,
        discharge=person.discharge_date,
        now=opening.now,
        zone=zone(person.time_zone),
    )
    return {
        "id": person.episode_id,
        "procedure": person.procedure,
        "surgery_date": person.surgery_date,
        "surgery_date_assumed": person.surgery_date_assumed,
        "discharge_date": person.discharge_date,
        "days_since_surgery": day.days_since_surgery,
        "days_since_discharge": day.days_since_discharge,
        "phase": _phase(person, day.days_since_surgery, opening.language),
        "state": person.episode_state,
    }


def _phase(person: _Person, day: int | None, language: str) -> dict[str, Any] | None:
    """Return the phase of the live plan that holds on this day since surgery."""
    if person.phases is None:
        return None
    phases = orjson.loads(person.phases)
    progression = Progression(phases=phases, decisions=orjson.loads(person.decisions or "{}"))
    phase = progression.on(day)
    if phase is None:
        return None
    title = in_language(phase["title"], language)
    return {"code": phase["code"], "title": title, "next_waits": progression.is_held(day)}


def _colleague(name: str, roles: Sequence[str]) -> Mapping[str, str]:
    return {"name": name, "role": next(role for role in _ROLES if role in roles)}
