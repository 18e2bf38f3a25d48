"""The patient's agenda."""

from typing import Any

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.my_agenda import MyAgendaSchema, RangeArguments, range_of
from recovery_service.auth import (
    allow,
    current_actor,
    current_patient_id,
    request_language,
    request_time,
)
from recovery_service.database import transaction
from recovery_service.domain.access import Role
from recovery_service.domain.local_time import local_date
from recovery_service.services.my_agenda import my_agenda

blueprint = ApiBlueprint(
    "my_agenda", __name__, url_prefix="/me/agenda", description="What is to be done when"
)

_AHEAD = 6


@blueprint.get("")
@allow(Role.PATIENT)
@blueprint.query(RangeArguments)
@blueprint.response(200, MyAgendaSchema)
def show(wanted: dict[str, Any]) -> dict[str, Any]:
    """Show what is planned, by default from today to six days on; at most 31 days.

    `device_plan` is what the device itself reminds of, whatever days are asked for: the
    app replaces the local notifications that it has pending by these, each under its
    `occurrence_id`, and says so with `PUT /me/devices/{id}` (`scheduled_until` is the
    plan's `until`, `plan_revision` its `revision`). What falls due later, or while no
    device has said so, the service pushes.
    """
    actor, now = current_actor(), request_time()
    today = local_date(actor.time_zone, now)
    first, last = range_of(wanted, today, back=0, ahead=_AHEAD)
    with transaction() as session:
        return my_agenda(
            session,
            actor.clinic_id,
            current_patient_id(),
            (first, last),
            time_zone=actor.time_zone,
            now=now,
            language=request_language(),
        )
