"""What a patient's phone reported and could not be stored as a check-in, for staff."""

from datetime import datetime
from uuid import UUID

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.rejected_reports import RejectedReportSchema
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.models import RejectedReport
from recovery_service.services import audit
from recovery_service.services.rejected_reports import rejected_of, see_rejected
from recovery_service.services.scope import episode_in_scope

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "rejected_reports",
    __name__,
    url_prefix="/episodes/<uuid:episode_id>/rejected-reports",
    description="Reports that could not be stored as check-ins",
)
_NEWEST_FIRST = Keyset("rejected-reports", datetime, UUID)


@blueprint.get("")
@allow(*CARE)
@blueprint.query(PageArguments)
@blueprint.response(200, page_schema(RejectedReportSchema))
def index(page: PageRequest, episode_id: UUID) -> Page[RejectedReport]:
    """List them newest first, with what was sent and why it could not be taken.

    No rule has judged them: somebody reads them and calls where that is needed.
    """
    actor = current_actor()
    before = _NEWEST_FIRST.decode(page.cursor)
    with transaction() as session:
        episode = episode_in_scope(session, actor, episode_id)
        rows = rejected_of(session, actor.clinic_id, episode_id, before=before, limit=page.limit)
        audit.record(
            session, actor, "rejected_reports_read", "episode", episode_id,
            patient_id=episode.patient_id, now=request_time(),
        )  # fmt: skip
    return _NEWEST_FIRST.page(rows, page.limit, lambda row: (row.received_at, row.id))


@blueprint.post("/<uuid:report_id>/seen")
@allow(*CARE)
@blueprint.response(200, RejectedReportSchema)
def see(episode_id: UUID, report_id: UUID) -> RejectedReport:
    """Say that somebody has looked: it is no reason for attention any more. Who was first stands.

    Said again, nothing changes.
    """
    actor, now = current_actor(), request_time()
    with transaction() as session:
        episode_in_scope(session, actor, episode_id)
        row = see_rejected(session, actor, episode_id, report_id, now=now)
        audit.record(
            session, actor, "rejected_report_seen", "rejected_report", report_id,
            patient_id=row.patient_id, now=now,
        )  # fmt: skip
    log.info("rejected_report_seen", report_id=report_id)
    return row
