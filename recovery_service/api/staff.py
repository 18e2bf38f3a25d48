"""Members of staff: everybody sees who works here, admins see to it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.staff import NewStaffRequest, StaffChanges, StaffMemberSchema
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import STAFF, Role
from recovery_service.extensions import parts
from recovery_service.models import StaffMember
from recovery_service.services import staff
from recovery_service.services.object_tags import tag_of_member
from recovery_service.services.staff import NewStaffMember

log = structlog.get_logger()
blueprint = ApiBlueprint("staff", __name__, url_prefix="/staff", description="Who works here")
_STAFF = Keyset("staff", datetime, UUID)


@blueprint.get("")
@allow(*STAFF)
@blueprint.query(PageArguments)
@blueprint.response(200, page_schema(StaffMemberSchema))
def index(page: PageRequest) -> Page[dict[str, Any]]:
    """List the clinic's staff, newest first; addresses and settings are shown to admins."""
    actor = current_actor()
    before = _STAFF.decode(page.cursor)
    with transaction() as session:
        rows = staff.staff_of(session, actor, before=before, limit=page.limit)
    cut = _STAFF.page(rows, page.limit, lambda member: (member.created_at, member.id))
    shown = _in_full if actor.has(Role.ADMIN) else _in_short
    return Page([shown(member) for member in cut.items], cut.next_cursor)


@blueprint.post("")
@allow(Role.ADMIN)
@blueprint.arguments(NewStaffRequest)
@blueprint.response(201, StaffMemberSchema)
def create(new: NewStaffMember) -> dict[str, Any]:
    """Add somebody; without a password they cannot sign in yet."""
    with transaction() as session:
        member = staff.add_member(session, current_actor(), parts().keys, new, now=request_time())
    log.info("staff_added", staff_id=member.id)
    return _in_full(member)


@blueprint.get("/<uuid:staff_id>", tag=tag_of_member)
@allow(*STAFF)
@blueprint.response(200, StaffMemberSchema)
def show(staff_id: UUID) -> dict[str, Any]:
    """Show somebody; address and settings are shown to admins."""
    actor = current_actor()
    with transaction() as session:
        member = staff.member_in_scope(session, actor, staff_id)
    return _in_full(member) if actor.has(Role.ADMIN) else _in_short(member)


@blueprint.patch("/<uuid:staff_id>", tag=tag_of_member)
@allow(Role.ADMIN)
@blueprint.arguments(StaffChanges)
@blueprint.response(200, StaffMemberSchema)
def change(changes: dict[str, Any], staff_id: UUID) -> dict[str, Any]:
    """Change somebody; being disabled and a new password end every session at once.

    The last admin stays one, and nobody changes their own roles.
    """
    actor, now = current_actor(), request_time()
    with transaction() as session:
        member = staff.change_member(session, actor, parts().keys, staff_id, changes, now=now)
    log.info("staff_changed", staff_id=staff_id)
    return _in_full(member)


def _in_short(member: StaffMember) -> dict[str, Any]:
    return {
        "id": member.id,
        "name": member.name,
        "roles": member.roles,
        "disabled_at": member.disabled_at,
    }


def _in_full(member: StaffMember) -> dict[str, Any]:
    return _in_short(member) | {
        "email": member.email,
        "locale": member.locale,
        "second_factor": member.totp_seed is not None,
        "alert_mail": member.alert_mail,
        "version": member.version,
        "created_at": member.created_at,
        "updated_at": member.updated_at,
    }
