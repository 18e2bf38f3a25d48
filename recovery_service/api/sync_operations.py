"""What a phone may send in one go: an entry here adds a type of operation.

Each is read by the schema of the route that takes it alone, and done by that route's service,
so that nothing is true of the one that is not true of the other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import marshmallow

from recovery_service.api.notifications import delivery_of
from recovery_service.api.schemas.base import ResponseSchema
from recovery_service.api.schemas.me import MeRequest
from recovery_service.api.schemas.messages import MessageRequest, MessageSchema
from recovery_service.api.schemas.my_advice import AdviceResponseRequest, AdviceResponseSchema
from recovery_service.api.schemas.my_appointments import ResponseRequest, StoredResponseSchema
from recovery_service.api.schemas.my_check_ins import CheckInRequest, CheckInSchema
from recovery_service.api.schemas.my_occurrences import ActionRequest, ActionSchema
from recovery_service.api.schemas.notifications import ReceiptRequest
from recovery_service.domain.actions import NewAction
from recovery_service.domain.check_ins import NewCheckIn
from recovery_service.errors import Invalid, InvalidField, NoSuchObject
from recovery_service.http_errors import field_errors
from recovery_service.models import Patient
from recovery_service.services import advice, appointment_responses, messages, occurrences
from recovery_service.services.appointment_responses import NewResponse
from recovery_service.services.check_in_answers import answer
from recovery_service.services.check_ins import Reporter, record_among_others
from recovery_service.services.notifications import Receipt, receive_receipt
from recovery_service.services.profile import ProfileChange, change_profile
from recovery_service.services.sync_operations import Batch, Done, taken_before

_MISSING = "Missing data for required field."


class Read(NamedTuple):
    """A payload that was understood: what it says, and which object it is about."""

    id: UUID
    content: Any
    target: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationType:
    """How one type of operation is read and done.

    `target` is the member of the payload that stands for the id in the route's address.
    `happened` gives the phone's instant, by which operations are put in order, and `corrects`
    what must come first. `stored` shows what stands under a reused id. With `kept`, what is
    rejected is kept for staff.
    """

    request: marshmallow.Schema
    perform: Callable[[Batch, Read], Done]
    target: str | None = None
    carries_id: bool = True
    happened: Callable[[Any], datetime | None] = lambda _: None
    corrects: Callable[[Any], UUID | None] = lambda _: None
    stored: ResponseSchema | None = None
    kept: bool = False

    def read(self, operation_id: UUID, payload: Any) -> Read:
        """Read a payload as the route reads its body; raises Invalid with pointers."""
        if not isinstance(payload, Mapping):
            raise InvalidField("", "Must be an object.")
        body = dict(payload)
        target = "" if self.target is None else body.pop(self.target, None)
        if not isinstance(target, str) or (self.target and not target):
            raise InvalidField(f"/{self.target}", _MISSING)
        if self.carries_id and str(body.setdefault("id", str(operation_id))).lower() != str(
            operation_id
        ):
            raise InvalidField("/id", "Must be the operation's own id.")
        try:
            content = self.request.load(body)
        except marshmallow.ValidationError as error:
            raise Invalid(errors=field_errors(error.messages_dict, self.request)) from None
        return Read(operation_id, content, target, payload)


def _check_in(batch: Batch, read: Read) -> Done:
    new: NewCheckIn = read.content
    reporter = Reporter(
        clinic_id=batch.actor.clinic_id,
        patient_id=batch.patient_id,
        home_zone=batch.actor.time_zone,
        device_id=batch.actor.device_id,
        clock_ahead=batch.clock_ahead,
    )
    recorded = record_among_others(batch.session, batch.content, reporter, new, now=batch.now)
    told = answer(batch.content, recorded, now=batch.now, language=batch.language)
    return Done(repeated=recorded.repeated, told=told)


def _occurrence_action(batch: Batch, read: Read) -> Done:
    new: NewAction = read.content
    stored = occurrences.store(batch.session, batch.actor, read.target, new, now=batch.now)
    action = _ACTION.dump(stored.action)
    return Done(repeated=stored.repeated, told={"action": action, "result": stored.result})


def _receipt(batch: Batch, read: Read) -> Done:
    clinic_id = batch.actor.clinic_id
    receipt: Receipt = read.content
    delivery_id = delivery_of(clinic_id, read.target)
    fate = receive_receipt(
        batch.session, clinic_id, batch.patient_id, delivery_id, receipt, now=batch.now
    )
    repeated = taken_before(batch, read.id, "receipt", read.payload)
    return Done(repeated=repeated, told={"receipt": {"id": read.target, **fate._asdict()}})


def _preferences(batch: Batch, read: Read) -> Done:
    # Once only: sent again later, it would take back what was changed in between.
    repeated = taken_before(batch, read.id, "preferences", read.payload)
    if not repeated:
        change: ProfileChange = read.content
        change_profile(batch.session, batch.actor, batch.patient_id, change, now=batch.now)
    patient = batch.session.get_one(Patient, (batch.actor.clinic_id, batch.patient_id))
    stands = {
        "time_zone": patient.time_zone,
        "locale": patient.locale,
        "preferences": patient.preferences,
    }
    return Done(repeated=repeated, told={"profile": stands})


def _advice_response(batch: Batch, read: Read) -> Done:
    row, repeated = advice.respond(
        batch.session,
        batch.actor.clinic_id,
        batch.patient_id,
        _uuid(read.target, "advice"),
        read.content["id"],
        read.content["response"],
        device_id=batch.actor.device_id,
        now=batch.now,
    )
    return Done(repeated=repeated, told={"response": _ADVICE_RESPONSE.dump(row)})


def _appointment_response(batch: Batch, read: Read) -> Done:
    new: NewResponse = read.content
    appointment_id = _uuid(read.target, "appointment")
    answered = appointment_responses.respond(
        batch.session, batch.actor, appointment_id, new, now=batch.now
    )
    told = _APPOINTMENT_RESPONSE.dump(answered.response)
    return Done(repeated=answered.repeated, told={"response": told})


def _message(batch: Batch, read: Read) -> Done:
    now, language = batch.now, batch.language
    sent = messages.send(
        batch.session, batch.content, batch.actor, read.content, now=now, language=language
    )
    told = messages.answer(batch.content, sent, now=now, language=language)
    return Done(repeated=sent.repeated, told=told)


def _uuid(text: str, kind: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NoSuchObject(kind) from None


_ACTION, _ADVICE_RESPONSE = ActionSchema(), AdviceResponseSchema()
_APPOINTMENT_RESPONSE = StoredResponseSchema()

OPERATIONS: Mapping[str, OperationType] = MappingProxyType(
    {
        "check_in": OperationType(
            request=CheckInRequest(),
            perform=_check_in,
            happened=lambda new: new.recorded_at,
            corrects=lambda new: new.supersedes,
            stored=CheckInSchema(),
            kept=True,
        ),
        "occurrence_action": OperationType(
            request=ActionRequest(),
            perform=_occurrence_action,
            target="occurrence_id",
            happened=lambda new: new.at,
            stored=_ACTION,
        ),
        "receipt": OperationType(
            request=ReceiptRequest(),
            perform=_receipt,
            target="notification_id",
            carries_id=False,
        ),
        "preferences": OperationType(request=MeRequest(), perform=_preferences, carries_id=False),
        "advice_response": OperationType(
            request=AdviceResponseRequest(),
            perform=_advice_response,
            target="advice_id",
            stored=_ADVICE_RESPONSE,
        ),
        "appointment_response": OperationType(
            request=ResponseRequest(),
            perform=_appointment_response,
            target="appointment_id",
            stored=_APPOINTMENT_RESPONSE,
        ),
        "message": OperationType(
            request=MessageRequest(),
            perform=_message,
            happened=lambda new: new.written_at,
            stored=MessageSchema(),
        ),
    }
)
