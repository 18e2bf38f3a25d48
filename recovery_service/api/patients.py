"""Patients, for staff: registered, changed, reached, followed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.patients import (
    AddressesRequest,
    AddressList,
    CareTeamRequest,
    CareTeamSchema,
    CodeRequest,
    CodeSchema,
    NewPatientRequest,
    PatientChanges,
    PatientSchema,
    RegisteredSchema,
)
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CARE
from recovery_service.extensions import parts
from recovery_service.models import Patient
from recovery_service.services import audit, patients
from recovery_service.services.addresses import replace_addresses
from recovery_service.services.enrolment import renew_code
from recovery_service.services.object_tags import tag_of_patient
from recovery_service.services.patient_views import PatientView, view_patient
from recovery_service.services.patients import NewPatient, care_team_of
from recovery_service.services.scope import current_episode, patient_in_scope

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "patients", __name__, url_prefix="/patients", description="The clinic's patients"
)


@blueprint.post("")
@allow(*CARE)
@blueprint.arguments(NewPatientRequest)
@blueprint.response(201, RegisteredSchema)
def create(new: NewPatient) -> dict[str, Any]:
    """Register a patient with the first episode; the enrolment code is shown this once.

    Until the content that the patient needs is approved there is no code, and
    `enrolment_code_withheld` says why; make one later.
    """
    actor, now = current_actor(), request_time()
    with transaction() as session:
        done = patients.register_patient(
            session, actor, parts().keys, parts().content, new, now=now
        )
        view = view_patient(session, done.patient, now=now)
    log.info("patient_registered", patient_id=done.patient.id)
    return {
        "patient": view,
        "enrolment_code": done.enrolment_code,
        "enrolment_code_withheld": done.withheld,
    }


@blueprint.get("/<uuid:patient_id>", tag=tag_of_patient)
@allow(*CARE)
@blueprint.response(200, PatientSchema)
def show(patient_id: UUID) -> PatientView:
    """Show a patient."""
    now = request_time()
    with transaction() as session:
        patient = patient_in_scope(session, current_actor(), patient_id)
        _record(session, patient, "patient_read")
        return view_patient(session, patient, now=now)


@blueprint.patch("/<uuid:patient_id>", tag=tag_of_patient)
@allow(*CARE)
@blueprint.arguments(PatientChanges)
@blueprint.response(200, PatientSchema)
def change(changes: dict[str, Any], patient_id: UUID) -> PatientView:
    """Change a patient; a moved time zone re-plans in the same transaction."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        patient = patient_in_scope(session, actor, patient_id)
        patients.change_patient(session, actor, patient, changes, now=now)
        view = view_patient(session, patient, now=now)
    log.info("patient_changed", patient_id=patient_id)
    return view


@blueprint.post("/<uuid:patient_id>/enrolment-codes")
@allow(*CARE)
@blueprint.arguments(CodeRequest)
@blueprint.response(201, CodeSchema)
def new_code(wish: dict[str, Any], patient_id: UUID) -> dict[str, str | None]:
    """Make a new enrolment code; earlier unused ones end.

    While content is not approved the answer is a 409 `content_not_approved`; a phone that is
    reported lost is locked all the same, and earlier unused codes end.
    """
    actor, now = current_actor(), request_time()
    with transaction() as session:
        patient = patient_in_scope(session, actor, patient_id)
        episode = current_episode(session, actor.clinic_id, patient_id)
        made = renew_code(
            session, parts().keys, parts().content, patient, episode,
            created_by=actor.id, now=now, **wish,
        )  # fmt: skip
        done = "enrolment_code_withheld" if made.code is None else "enrolment_code_made"
        _record(session, patient, done)
    log.info(done, patient_id=patient_id)
    if made.refusal is not None:  # now that what it locked stays locked
        raise made.refusal
    return {"enrolment_code": made.code}


@blueprint.put("/<uuid:patient_id>/addresses", tag=tag_of_patient)
@allow(*CARE)
@blueprint.arguments(AddressesRequest)
@blueprint.response(200, AddressList)
def put_addresses(wish: dict[str, Any], patient_id: UUID) -> dict[str, Any]:
    """Replace the patient's addresses; one that stays keeps what is known of it."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        patient = patient_in_scope(session, actor, patient_id)
        rows = replace_addresses(session, patient, wish["addresses"], now=now)
        patients.touch(patient, now=now)
        _record(session, patient, "addresses_changed")
    log.info("addresses_changed", patient_id=patient_id)
    return {"addresses": rows}


@blueprint.put("/<uuid:patient_id>/care-team", tag=tag_of_patient)
@allow(*CARE)
@blueprint.arguments(CareTeamRequest)
@blueprint.response(200, CareTeamSchema)
def put_care_team(wish: dict[str, Sequence[UUID]], patient_id: UUID) -> dict[str, Any]:
    """Say who follows the patient from today on; the first leads."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        patient = patient_in_scope(session, actor, patient_id)
        patients.set_care_team(session, patient, wish["staff"], now=now)
        patients.touch(patient, now=now)
        _record(session, patient, "care_team_changed")
        members = care_team_of(session, patient)
    log.info("care_team_changed", patient_id=patient_id)
    return {"members": members}


def _record(session: Session, patient: Patient, action: str) -> None:
    audit.record(
        session,
        current_actor(),
        action,
        "patient",
        patient.id,
        patient_id=patient.id,
        now=request_time(),
    )
