"""A draft looked at before it is published."""

from datetime import datetime
from typing import Any
from uuid import UUID

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.plan_previews import PreviewArguments, PreviewSchema
from recovery_service.auth import allow, current_actor, request_language, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.domain.languages import in_language
from recovery_service.domain.local_time import zone
from recovery_service.domain.occurrence_ids import encode
from recovery_service.domain.plan_preview import Shift
from recovery_service.domain.recurrence import Occurrence
from recovery_service.extensions import parts
from recovery_service.models import PlanItem
from recovery_service.services import audit, plans, templates
from recovery_service.services.plan_preview import PlanPreview, preview
from recovery_service.services.publishing import Publication
from recovery_service.services.scope import episode_in_scope, patient_in_scope

blueprint = ApiBlueprint(
    "plan_previews",
    __name__,
    url_prefix="/episodes/<uuid:episode_id>/plan/preview",
    description="What publishing a draft would do",
)


@blueprint.get("")
@allow(*CARE)
@blueprint.query(PreviewArguments)
@blueprint.response(200, PreviewSchema)
def show(wish: tuple[Publication, int], episode_id: UUID) -> dict[str, Any]:
    """List the occurrences that appear, move or vanish if the draft is published now.

    Nothing is written, and what would be refused at publishing is refused here; only content
    that is not approved is named in `not_approved` instead.
    """
    actor, now, language = current_actor(), request_time(), request_language()
    publication, days = wish
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        patient = patient_in_scope(session, actor, episode.patient_id)
        plan = plans.plan_of(session, episode)
        content = parts().content
        template = templates.find(session, content, plan.template_code)
        audit.record(session, actor, "plan_read", "plan", plan.id, patient_id=patient.id, now=now)
        found = preview(
            session, episode, patient, content, template, publication,
            days=days, language=language, now=now,
        )  # fmt: skip
        return _shown(found, language)


def _shown(found: PlanPreview, language: str) -> dict[str, Any]:
    return {
        "live": found.live and found.live.number,
        "draft": found.draft and found.draft.number,
        "effective_from": found.effective_from,
        "from_date": found.from_date,
        "to_date": found.to_date,
        "later_until": found.later_until,
        "occurrences": [
            _shift(each, found.items[each.lineage_id], found.time_zone, language)
            for each in found.shifts
        ],
        "totals": [
            _named(each.item, language) | {"shown": each.shown, "later": each.later}
            for each in found.totals
        ],
        "what_changed": found.changes,
        "not_approved": found.not_approved,
    }


def _shift(shift: Shift, item: PlanItem, time_zone: str, language: str) -> dict[str, Any]:
    return (
        _named(item, language)
        | _moment(shift.occurrence, time_zone)
        | {
            "id": encode(shift.lineage_id, shift.occ_key),
            "slot": shift.occurrence.slot,
            "change": shift.change,
            "reason": shift.reason,
            "was": shift.was and _moment(shift.was, time_zone),
        }
    )


def _named(item: PlanItem, language: str) -> dict[str, Any]:
    return {
        "item_id": item.lineage_id,
        "title": in_language(item.title, language),
        "kind": item.kind,
    }


def _moment(occurrence: Occurrence, time_zone: str) -> dict[str, Any]:
    shown: datetime = occurrence.due_at.astimezone(zone(time_zone))
    return {
        "local_date": occurrence.local_date.isoformat(),
        "local_time": f"{shown:%H:%M}",
        "due_at": occurrence.due_at,
    }
