"""Episodes: opened, moved, held, released, ended; the plan follows in the same transaction."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.content import Content
from recovery_service.domain.episodes import (
    SILENCING,
    ImpossibleDateError,
    NewEpisode,
    check_dates,
)
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.local_time import local_date
from recovery_service.errors import (
    EpisodeAlreadyOpen,
    EpisodeEnded,
    EpisodeNotOnHold,
    EpisodeOnHold,
    InvalidField,
)
from recovery_service.models import Episode, Patient, Site
from recovery_service.services import audit, templates
from recovery_service.services.alerts import end_alerts
from recovery_service.services.appointments import cancel_unbooked, move_follow_ups
from recovery_service.services.devices import locked_patient
from recovery_service.services.questionnaire_times import plan_times
from recovery_service.services.schedules import (
    end_schedules,
    hold_schedules,
    release_schedules,
    replan_episode,
)
from recovery_service.services.silence import silence_patient

_DATES = frozenset({"surgery_date", "discharge_date"})
# What decides which questionnaires there are, and when.
_ASKS = frozenset({"procedure", "plan_template"})


def open_episode(
    session: Session,
    actor: Actor,
    content: Content,
    patient: Patient,
    new: NewEpisode,
    *,
    now: datetime,
    pointer: str = "",
) -> Episode:
    """Open an episode; a re-operation names the open one that it supersedes.

    Raises EpisodeAlreadyOpen, or InvalidField under ``pointer``.
    """
    locked_patient(session, patient.clinic_id, patient.id)  # of two at once, one finds the other
    today = local_date(patient.time_zone, now)
    _require_dates(new.surgery_date, new.discharge_date, today, pointer)
    site = _site(session, actor, new.site, pointer)
    _require_template(session, content, new.plan_template, new.procedure, pointer)
    episode_id = new_id(now=now)
    _supersede(session, actor, patient, new.supersedes, episode_id, now=now, pointer=pointer)
    episode = Episode(
        clinic_id=patient.clinic_id,
        id=episode_id,
        patient_id=patient.id,
        site_id=site.id,
        procedure=new.procedure,
        levels=list(new.levels),
        side=new.side,
        diagnosis=new.diagnosis,
        surgery_date=new.surgery_date,
        discharge_date=new.discharge_date,
        baseline=dict(new.baseline or {}),
        pre_existing_deficit=new.pre_existing_deficit,
        plan_template=new.plan_template,
        created_at=now,
        updated_at=now,
    )
    session.add(episode)
    session.flush()
    _record(session, actor, episode, "episode_opened", now=now)
    return episode


def change_episode(
    session: Session,
    actor: Actor,
    content: Content,
    episode: Episode,
    patient: Patient,
    changes: Mapping[str, Any],
    *,
    now: datetime,
) -> Episode:
    """Change what is known of an episode; a moved date re-plans in the same transaction."""
    _require_not_ended(episode)
    procedure = changes.get("procedure", episode.procedure)
    _require_template(session, content, changes.get("plan_template"), procedure, "")
    before = (episode.surgery_date, episode.discharge_date)
    _move_dates(episode, changes, today=local_date(patient.time_zone, now))
    if "site" in changes:
        episode.site_id = _site(session, actor, changes["site"], "").id
    for name, value in changes.items():
        if name not in _DATES | {"site"}:
            setattr(episode, name, value)
    _touch(episode, now=now)
    session.flush()
    moved = before != (episode.surgery_date, episode.discharge_date)
    asked = _ASKS & changes.keys() and plan_times(session, content, [episode], now=now)
    if moved or asked:
        replan_episode(session, episode, patient, now=now)
    if moved:
        move_follow_ups(session, episode, now=now)
    _record(session, actor, episode, "episode_changed", now=now)
    return episode


def hold_episode(
    session: Session,
    actor: Actor,
    episode: Episode,
    patient: Patient,
    *,
    reason: str,
    held_from: date | None,
    now: datetime,
) -> Episode:
    """Stop plan and reminders until released; raises EpisodeOnHold or EpisodeEnded."""
    _require_not_ended(episode)
    if episode.state == "on_hold":
        raise EpisodeOnHold(episode.id)
    today = local_date(patient.time_zone, now)
    since = held_from or today
    if not episode.discharge_date - timedelta(days=1) <= since <= today:
        raise InvalidField("/from", "Must lie between discharge and today.")
    episode.state, episode.hold_reason = "on_hold", reason
    episode.held_at, episode.held_from = now, since
    _touch(episode, now=now)
    hold_schedules(session, episode, reason="on_hold", now=now)
    _record(session, actor, episode, "episode_held", now=now)
    return episode


def release_episode(
    session: Session,
    actor: Actor,
    episode: Episode,
    patient: Patient,
    *,
    on: date | None,
    now: datetime,
) -> Episode:
    """Go on from this moment; raises EpisodeNotOnHold or EpisodeEnded."""
    _require_not_ended(episode)
    if on is not None and on != local_date(patient.time_zone, now):
        raise InvalidField("/on", "A release takes effect today.")
    if episode.state != "on_hold":
        raise EpisodeNotOnHold(episode.id)
    episode.state, episode.released_at = "open", now
    _touch(episode, now=now)
    session.flush()
    release_schedules(session, episode, patient, now=now)
    _record(session, actor, episode, "episode_released", now=now)
    return episode


def end_episode(
    session: Session,
    actor: Actor,
    episode: Episode,
    patient: Patient,
    *,
    reason: str,
    on: date | None,
    now: datetime,
) -> Episode:
    """End an episode; after a death or an error everything falls silent at once."""
    _require_not_ended(episode)
    today = local_date(patient.time_zone, now)
    day = on or today
    if day > today:
        raise InvalidField("/on", "Must not be in the future.")
    if reason not in SILENCING and day < episode.discharge_date:
        raise InvalidField("/on", "Must not be before discharge.")
    _end(session, episode, reason=reason, on=day, now=now)
    end_alerts(session, actor, episode.id, now=now)
    if reason in SILENCING:
        silence_patient(session, patient, now=now)
    _record(session, actor, episode, "episode_ended", now=now)
    return episode


def _supersede(
    session: Session,
    actor: Actor,
    patient: Patient,
    supersedes: UUID | None,
    successor: UUID,
    *,
    now: datetime,
    pointer: str,
) -> None:
    """Let an open episode give way to a re-operation, when staff say so."""
    standing = session.scalars(
        select(Episode)
        .where(
            Episode.clinic_id == patient.clinic_id,
            Episode.patient_id == patient.id,
            Episode.state != "ended",
        )
        .with_for_update()
    ).one_or_none()
    if supersedes is not None and (standing is None or standing.id != supersedes):
        raise InvalidField(f"{pointer}/supersedes", "This is not the patient's open episode.")
    if standing is None:
        return
    if supersedes is None:
        raise EpisodeAlreadyOpen(standing.id)
    standing.superseded_by = successor
    today = local_date(patient.time_zone, now)
    _end(session, standing, reason="superseded", on=today, now=now)
    end_alerts(session, actor, standing.id, now=now)
    _record(session, actor, standing, "episode_superseded", now=now)


def _end(session: Session, episode: Episode, *, reason: str, on: date, now: datetime) -> None:
    episode.state, episode.end_reason = "ended", reason
    episode.ended_on, episode.ended_at = on, now
    _touch(episode, now=now)
    session.flush()
    end_schedules(session, episode, reason="episode_ended", now=now)
    cancel_unbooked(session, episode, now=now)


def _move_dates(episode: Episode, changes: Mapping[str, Any], *, today: date) -> None:
    """Apply moved dates; an assumed surgery date keeps its distance from discharge."""
    discharge = changes.get("discharge_date", episode.discharge_date)
    surgery = changes.get("surgery_date", episode.surgery_date)
    if "surgery_date" in changes:
        episode.surgery_date_assumed = False
    elif episode.surgery_date_assumed and episode.surgery_date is not None:
        surgery = episode.surgery_date + (discharge - episode.discharge_date)
    if (surgery, discharge) == (episode.surgery_date, episode.discharge_date):
        return
    if surgery is None and episode.surgery_date is not None:
        raise InvalidField("/surgery_date", "A known surgery date can be moved, not removed.")
    _require_dates(surgery, discharge, today, "")
    episode.surgery_date, episode.discharge_date = surgery, discharge


def _require_dates(surgery: date | None, discharge: date, today: date, pointer: str) -> None:
    try:
        check_dates(surgery, discharge, today=today)
    except ImpossibleDateError as refusal:
        raise InvalidField(f"{pointer}/{refusal.field}", refusal.message) from None


def _require_not_ended(episode: Episode) -> None:
    if episode.state == "ended":
        raise EpisodeEnded(episode.id)


def _require_template(
    session: Session, content: Content, code: str | None, procedure: str, pointer: str
) -> None:
    if code is None:
        return
    template = templates.find(session, content, code)
    if template is None or template.procedure != procedure:
        message = "There is no such template for this procedure."
        raise InvalidField(f"{pointer}/plan_template", message)


def _site(session: Session, actor: Actor, site_id: UUID | None, pointer: str) -> Site:
    wanted = select(Site).where(Site.clinic_id == actor.clinic_id)
    wanted = wanted.where(Site.is_default if site_id is None else Site.id == site_id)
    site = session.scalars(wanted).one_or_none()
    if site is None:
        message = "Name a site." if site_id is None else "There is no such site."
        raise InvalidField(f"{pointer}/site", message)
    return site


def _touch(episode: Episode, *, now: datetime) -> None:
    episode.version, episode.updated_at = episode.version + 1, now


def _record(
    session: Session, actor: Actor, episode: Episode, action: str, *, now: datetime
) -> None:
    audit.record(
        session, actor, action, "episode", episode.id, patient_id=episode.patient_id, now=now
    )
