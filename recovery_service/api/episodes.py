"""Episodes, for staff: an operation and its recovery."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.episodes import (
    EndRequest,
    EpisodeList,
    EpisodePatch,
    EpisodeSchema,
    HoldRequest,
    NewEpisodeRequest,
    ReleaseRequest,
)
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE, CLINICIANS
from recovery_service.domain.episodes import NewEpisode
from recovery_service.extensions import parts
from recovery_service.models import Episode, Patient
from recovery_service.services import audit, episodes
from recovery_service.services.episode_views import EpisodeView, episodes_of, view_episode
from recovery_service.services.object_tags import tag_of_episode
from recovery_service.services.scope import episode_in_scope, patient_in_scope

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "episodes", __name__, description="Operations and the recoveries that follow them"
)


@blueprint.get("/patients/<uuid:patient_id>/episodes")
@allow(*CARE)
@blueprint.response(200, EpisodeList)
def index(patient_id: UUID) -> dict[str, Any]:
    """List a patient's episodes, the newest first."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        patient = patient_in_scope(session, actor, patient_id)
        views = [
            view_episode(session, each, patient, now=now) for each in episodes_of(session, patient)
        ]
        audit.record(
            session, actor, "episodes_read", "patient", patient_id, patient_id=patient_id, now=now
        )
    return {"items": views, "next_cursor": None}


@blueprint.post("/patients/<uuid:patient_id>/episodes")
@allow(*CARE)
@blueprint.arguments(NewEpisodeRequest)
@blueprint.response(201, EpisodeSchema)
def create(new: NewEpisode, patient_id: UUID) -> EpisodeView:
    """Open an episode; at most one may be open, so a re-operation names the one it supersedes."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        patient = patient_in_scope(session, actor, patient_id)
        episode = episodes.open_episode(session, actor, parts().content, patient, new, now=now)
        view = view_episode(session, episode, patient, now=now)
    log.info("episode_opened", episode_id=episode.id)
    return view


@blueprint.get("/episodes/<uuid:episode_id>", tag=tag_of_episode)
@allow(*CARE)
@blueprint.response(200, EpisodeSchema)
def show(episode_id: UUID) -> EpisodeView:
    """Show an episode."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        patient = patient_in_scope(session, actor, episode.patient_id)
        audit.record(
            session, actor, "episode_read", "episode", episode_id, patient_id=patient.id, now=now
        )
        return view_episode(session, episode, patient, now=now)


@blueprint.patch("/episodes/<uuid:episode_id>", tag=tag_of_episode)
@allow(*CARE)
@blueprint.arguments(EpisodePatch)
@blueprint.response(200, EpisodeSchema)
def change(changes: dict[str, Any], episode_id: UUID) -> EpisodeView:
    """Change an episode; moving a date re-plans in the same transaction.

    Nothing that was sent is repeated, and what was not moves with the date.
    """
    actor, now, content = current_actor(), request_time(), parts().content

    def apply(session: Session, episode: Episode, patient: Patient) -> Episode:
        return episodes.change_episode(session, actor, content, episode, patient, changes, now=now)

    return _edited("episode_changed", episode_id, apply)


@blueprint.post("/episodes/<uuid:episode_id>/hold", tag=tag_of_episode)
@allow(*CLINICIANS)
@blueprint.arguments(HoldRequest)
@blueprint.response(200, EpisodeSchema)
def hold(wish: dict[str, Any], episode_id: UUID) -> EpisodeView:
    """Stop plan and reminders until the episode is released."""
    actor, now = current_actor(), request_time()

    def apply(session: Session, episode: Episode, patient: Patient) -> Episode:
        return episodes.hold_episode(session, actor, episode, patient, now=now, **wish)

    return _edited("episode_held", episode_id, apply)


@blueprint.post("/episodes/<uuid:episode_id>/release", tag=tag_of_episode)
@allow(*CLINICIANS)
@blueprint.arguments(ReleaseRequest)
@blueprint.response(200, EpisodeSchema)
def release(wish: dict[str, Any], episode_id: UUID) -> EpisodeView:
    """Let the plan go on from this moment; `on`, where given, must be today."""
    actor, now = current_actor(), request_time()

    def apply(session: Session, episode: Episode, patient: Patient) -> Episode:
        return episodes.release_episode(session, actor, episode, patient, on=wish["on"], now=now)

    return _edited("episode_released", episode_id, apply)


@blueprint.post("/episodes/<uuid:episode_id>/end", tag=tag_of_episode)
@allow(*CLINICIANS)
@blueprint.arguments(EndRequest)
@blueprint.response(200, EpisodeSchema)
def end(wish: dict[str, Any], episode_id: UUID) -> EpisodeView:
    """End an episode; after a death or an error everything falls silent at once."""
    actor, now = current_actor(), request_time()

    def apply(session: Session, episode: Episode, patient: Patient) -> Episode:
        return episodes.end_episode(session, actor, episode, patient, now=now, **wish)

    return _edited("episode_ended", episode_id, apply)


def _edited(
    event: str, episode_id: UUID, apply: Callable[[Session, Episode, Patient], Episode]
) -> EpisodeView:
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id, lock=True)
        patient = patient_in_scope(session, actor, episode.patient_id)
        view = view_episode(session, apply(session, episode, patient), patient, now=now)
    log.info(event, episode_id=episode_id)
    return view
