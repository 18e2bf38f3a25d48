"""The recovery plan of an episode, for staff: draft, edit, publish."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest
from recovery_service.api.schemas.plans import (
    DraftChanges,
    DraftRequest,
    ItemChanges,
    ItemSchema,
    NewItemRequest,
    PlanSchema,
    PublishRequest,
    RevisionList,
    RevisionViewSchema,
)
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE, CLINICIANS
from recovery_service.domain.plan_templates import PlanTemplate
from recovery_service.errors import InvalidField, NoSuchObject
from recovery_service.extensions import parts
from recovery_service.models import Episode, PlanItem, PlanRevision
from recovery_service.services import audit, plan_drafts, plan_edits, plans, templates
from recovery_service.services.object_tags import tag_of_plan
from recovery_service.services.plan_edits import NewItem
from recovery_service.services.plan_restoring import restore_revision
from recovery_service.services.plans import PlanView, RevisionView
from recovery_service.services.publishing import Publication
from recovery_service.services.publishing import publish as publish_draft
from recovery_service.services.scope import episode_in_scope, patient_in_scope

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "plans",
    __name__,
    url_prefix="/episodes/<uuid:episode_id>/plan",
    description="Draft, edit and publish the recovery plan of an episode",
)
_REVISIONS = Keyset("plan-revisions", int)


@blueprint.post("", tag=tag_of_plan)
@allow(*CARE)
@blueprint.arguments(DraftRequest)
@blueprint.response(201, PlanSchema)
def draft(wish: dict[str, Any], episode_id: UUID) -> PlanView:
    """Begin a draft from a template, or from the live plan.

    Without `template` the live plan is copied; where there is none, the episode's
    own template or the procedure's default is used.
    """
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        template = _chosen(session, episode, wish["template"])
        if template is not None:
            plan_drafts.draft_from_template(session, actor, episode, template, now=now)
        else:
            plan_drafts.draft_of(session, actor, episode, now=now)
        view = plans.view_plan(session, episode)
    log.info("plan_drafted", episode_id=episode_id)
    return view


@blueprint.get("", tag=tag_of_plan)
@allow(*CARE)
@blueprint.response(200, PlanSchema)
def show(episode_id: UUID) -> PlanView:
    """Show the live revision and the draft."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        view = plans.view_plan(session, episode)
        audit.record(
            session,
            actor,
            "plan_read",
            "plan",
            view.plan.id,
            patient_id=episode.patient_id,
            now=now,
        )
    return view


@blueprint.patch("", tag=tag_of_plan)
@allow(*CARE)
@blueprint.arguments(DraftChanges)
@blueprint.response(200, RevisionViewSchema)
def change(changes: dict[str, Any], episode_id: UUID) -> RevisionView:
    """Change the draft's note or replace its restrictions."""
    now = request_time()
    with transaction() as session:
        _, revision = _draft(session, episode_id)
        if "note" in changes:
            revision.note = changes["note"]
            plans.touch(revision, now=now)
        if "restrictions" in changes:
            plan_edits.replace_restrictions(session, revision, changes["restrictions"], now=now)
        session.flush()
        view = plans.view_revision(session, revision)
    log.info("plan_draft_changed", episode_id=episode_id)
    return view


@blueprint.post("/items", tag=tag_of_plan)
@allow(*CARE)
@blueprint.arguments(NewItemRequest)
@blueprint.response(201, ItemSchema)
def add_item(new: NewItem, episode_id: UUID) -> PlanItem:
    """Add an item to the draft."""
    with transaction() as session:
        episode, revision = _draft(session, episode_id)
        item = plan_edits.add_item(session, revision, new, now=request_time())
        _record(session, episode, "plan_item_added", item.lineage_id)
    log.info("plan_item_added", episode_id=episode_id, item_id=item.lineage_id)
    return item


@blueprint.patch("/items/<uuid:item_id>", tag=tag_of_plan)
@allow(*CARE)
@blueprint.arguments(ItemChanges)
@blueprint.response(200, ItemSchema)
def change_item(changes: dict[str, Any], episode_id: UUID, item_id: UUID) -> PlanItem:
    """Change an item of the draft."""
    with transaction() as session:
        episode, revision = _draft(session, episode_id)
        item = plan_edits.change_item(session, revision, item_id, changes, now=request_time())
        _record(session, episode, "plan_item_changed", item_id)
    log.info("plan_item_changed", episode_id=episode_id, item_id=item_id)
    return item


@blueprint.delete("/items/<uuid:item_id>", tag=tag_of_plan)
@allow(*CARE)
@blueprint.response(204)
def remove_item(episode_id: UUID, item_id: UUID) -> None:
    """Take an item out of the draft."""
    with transaction() as session:
        episode, revision = _draft(session, episode_id)
        plan_edits.remove_item(session, revision, item_id, now=request_time())
        _record(session, episode, "plan_item_removed", item_id)
    log.info("plan_item_removed", episode_id=episode_id, item_id=item_id)


@blueprint.post("/publish", tag=tag_of_plan)
@allow(*CLINICIANS)
@blueprint.arguments(PublishRequest)
@blueprint.response(200, PlanSchema)
def publish(wish: Publication, episode_id: UUID) -> PlanView:
    """Make the draft live; the first time this activates the plan.

    A plan that counts from surgery needs the surgery date, or
    `surgery_date_assumed: true` to have it assumed from the typical stay.

    In a production clinic a template that the patient does not live by yet must be approved,
    and for a first plan the shared content too: else a 409 `plan_not_approved`, whose `missing`
    names each piece as `/content-approvals` takes it. Edits need no approval of their own.
    """
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id, lock=True)
        patient = patient_in_scope(session, actor, episode.patient_id)
        publish_draft(session, actor, episode, patient, parts().content, wish, now=now)
        view = plans.view_plan(session, episode)
    log.info("plan_published", episode_id=episode_id)
    return view


@blueprint.get("/revisions")
@allow(*CARE)
@blueprint.query(PageArguments)
@blueprint.response(200, RevisionList)
def revisions(page: PageRequest, episode_id: UUID) -> Page[PlanRevision]:
    """List the plan's revisions, the newest first."""
    actor, now = current_actor(), request_time()
    behind = _REVISIONS.decode(page.cursor)
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        plan = plans.plan_of(session, episode)
        rows: Sequence[PlanRevision] = [
            row
            for row in plans.revisions_of(session, plan)
            if behind is None or row.number < behind[0]
        ]
        audit.record(
            session, actor, "plan_read", "plan", plan.id, patient_id=episode.patient_id, now=now
        )
    return _REVISIONS.page(rows[: page.limit + 1], page.limit, lambda row: (row.number,))


@blueprint.post("/revisions/<int:number>/restore", tag=tag_of_plan)
@allow(*CARE)
@blueprint.response(201, PlanSchema)
def restore(episode_id: UUID, number: int) -> PlanView:
    """Begin a draft with what an earlier revision held; it reaches nobody before it is published.

    Items keep their ids. A draft that somebody has changed is kept: 409 `draft_exists`.
    """
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        restore_revision(session, actor, episode, number, now=now)
        view = plans.view_plan(session, episode)
    log.info("plan_restored", episode_id=episode_id)
    return view


def _chosen(session: Session, episode: Episode, code: str | None) -> PlanTemplate | None:
    """Return the template that was asked for; None to copy the live plan."""
    content = parts().content
    if code is None:
        try:
            plans.plan_of(session, episode)
        except NoSuchObject:
            return templates.default_for(session, content, episode)
        return None
    template = templates.find(session, content, code)
    if template is None:
        raise InvalidField("/template", "There is no such template.")
    if template.procedure != episode.procedure:
        raise InvalidField("/template", "This template is for another procedure.")
    return template


def _draft(session: Session, episode_id: UUID) -> tuple[Episode, PlanRevision]:
    actor = current_actor()
    episode = episode_in_scope(session, actor, episode_id)
    return episode, plan_drafts.draft_of(session, actor, episode, now=request_time())


def _record(session: Session, episode: Episode, action: str, item_id: UUID) -> None:
    audit.record(
        session,
        current_actor(),
        action,
        "plan_item",
        item_id,
        patient_id=episode.patient_id,
        now=request_time(),
    )
