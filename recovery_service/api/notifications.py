"""The patient's inbox, and receipts of notifications."""

from datetime import datetime
from typing import Any
from uuid import UUID

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.notifications import (
    NotificationSchema,
    ReceiptRequest,
    ReceiptSchema,
)
from recovery_service.auth import (
    allow,
    current_actor,
    current_patient_id,
    request_language,
    request_time,
)
from recovery_service.database import transaction
from recovery_service.domain import notification_ids
from recovery_service.domain.access import Role
from recovery_service.errors import InvalidCursor, NoSuchObject
from recovery_service.extensions import parts
from recovery_service.services.notifications import (
    Receipt,
    inbox,
    notification_as_json,
    receive_receipt,
)

blueprint = ApiBlueprint(
    "notifications", __name__, url_prefix="/me/notifications", description="The patient's inbox"
)
# The place of a row is named by its public id: the number behind it stays ours.
_PLACES = Keyset("notifications", datetime, str)


@blueprint.get("")
@allow(Role.PATIENT)
@blueprint.query(PageArguments)
@blueprint.response(200, page_schema(NotificationSchema))
def index(page: PageRequest) -> Page[dict[str, Any]]:
    """List what was sent to the inbox, newest first, in the patient's language.

    `why` says why a push came with it or why none did, and so answers who heard too little
    or too much.
    """
    clinic_id, patient_id = current_actor().clinic_id, current_patient_id()
    before = _place(clinic_id, page.cursor)
    with transaction() as session:
        rows = inbox(session, clinic_id, patient_id, before=before, limit=page.limit)
    language, own = request_language(), parts()
    shown = [notification_as_json(row, own.content, own.keys, clinic_id, language) for row in rows]
    return _PLACES.page(shown, page.limit, lambda each: (each["sent_at"], each["id"]))


@blueprint.post("/<notification_id>/receipt", keyless="the first receipt of an event stands")
@allow(Role.PATIENT)
@blueprint.arguments(ReceiptRequest)
@blueprint.response(200, ReceiptSchema)
def receive(receipt: Receipt, notification_id: str) -> dict[str, Any]:
    """Note that a notification arrived, was opened or dismissed; a repeat changes nothing.

    It may be any notification of the patient: the inbox's ids and those that pushes
    carry are of one kind.
    """
    clinic_id, patient_id = current_actor().clinic_id, current_patient_id()
    delivery_id = delivery_of(clinic_id, notification_id)
    with transaction() as session:
        fate = receive_receipt(
            session, clinic_id, patient_id, delivery_id, receipt, now=request_time()
        )
    return {"id": notification_id, **fate._asdict()}


def delivery_of(clinic_id: UUID, notification_id: str) -> int:
    """Return the delivery that a public id stands for; raises NoSuchObject."""
    try:
        return notification_ids.decode(parts().keys, clinic_id, notification_id)
    except notification_ids.MalformedNotificationId:
        raise NoSuchObject("notification") from None


def _place(clinic_id: UUID, cursor: str | None) -> tuple[datetime, int] | None:
    place = _PLACES.decode(cursor)
    if place is None:
        return None
    sent_at, notification_id = place
    try:
        return sent_at, notification_ids.decode(parts().keys, clinic_id, notification_id)
    except notification_ids.MalformedNotificationId:
        raise InvalidCursor from None
