"""The audit trail, for admins."""

from uuid import UUID

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageRequest, page_schema
from recovery_service.api.schemas.audit_events import AuditArguments, AuditEventSchema
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import Role
from recovery_service.services.audit_trail import AuditQuery, TracedEvent, read_trail

blueprint = ApiBlueprint(
    "audit_events", __name__, url_prefix="/audit-events", description="Who saw or changed what"
)
_EVENTS = Keyset("audit-events", UUID)


@blueprint.get("")
@allow(Role.ADMIN)
@blueprint.query(AuditArguments)
@blueprint.response(200, page_schema(AuditEventSchema))
def index(wanted: tuple[PageRequest, AuditQuery]) -> Page[TracedEvent]:
    """List who saw or changed what, newest first; this reading is an event itself."""
    page, query = wanted
    before = _EVENTS.decode(page.cursor)
    with transaction() as session:
        rows = read_trail(
            session,
            current_actor(),
            query,
            before=before[0] if before else None,
            limit=page.limit,
            now=request_time(),
        )
    return _EVENTS.page(rows, page.limit, lambda traced: (traced.event.id,))
