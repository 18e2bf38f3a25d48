"""One object of every kind that an address can name, for the tests that walk all routes."""

from datetime import date, datetime, timedelta
from secrets import token_hex
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from recovery_service.database import transaction
from recovery_service.domain import notification_ids
from recovery_service.domain.content_pieces import shared_pieces
from recovery_service.domain.messages import NewMessage
from recovery_service.domain.occurrence_ids import encode
from recovery_service.extensions import parts
from recovery_service.models import (
    Appointment,
    ContentApproval,
    Episode,
    PlanRestriction,
    PlanRevision,
    Questionnaire,
    QuestionnaireResponse,
    RecoveryPlan,
    RejectedReport,
    SiteHoliday,
    StaffAbsence,
)
from recovery_service.services import webhooks
from recovery_service.services.message_replies import reply
from recovery_service.services.template_versions import NewVersion, save_version
from recovery_service.services.webhooks import NewWebhook
from tests.domain.made_up_questionnaires import like_the_rmdq
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import materialise, plan_item
from tests.reports import report_something

HOLIDAY = date(2026, 12, 25)
TEMPLATE = "of_this_clinic"


def furnish(clinic: ClinicWithStaff, *, now: datetime) -> None:
    """Give a clinic a holiday and a template of its own."""
    with transaction(clinic.id) as session:
        session.add(SiteHoliday(clinic_id=clinic.id, site_id=clinic.site_id, day=HOLIDAY))
        actor = clinic.actor("surgeon")
        own = template(f"{TEMPLATE}_{clinic.id.hex[:8]}")
        save_version(session, actor, parts().content, NewVersion(content=own), now=now)


def template(code: str) -> dict[str, Any]:
    """Return the content of a plan template with a code of its own."""
    return {**parts().content.templates["lumbar_decompression"].raw, "code": code}


def piece() -> dict[str, str]:
    """Return a piece of shipped content as an approval names it."""
    return shared_pieces(parts().content)[0].key._asdict()


def approval_of(clinic: ClinicWithStaff) -> UUID:
    """Return an approval of the clinic."""
    with transaction(clinic.id) as session:
        return session.scalars(
            select(ContentApproval.id).where(ContentApproval.decision == "approve")
        ).all()[0]


def objects_of(clinic: ClinicWithStaff, patient: PatientAtHome, *, now: datetime) -> dict[str, str]:
    """Return an id for every name in an address, all of one patient of one clinic."""
    item = plan_item(patient, now=now)
    materialise(item, now=now)
    (delivery, *_) = item.deliveries()
    appointment, absence = uuid4(), uuid4()
    with transaction(clinic.id) as session:
        session.add(_appointment(clinic, patient, appointment, now=now))
        session.add(_absence(clinic, absence, now=now))
        questionnaire = Questionnaire(**_questionnaire(clinic, now=now))
        session.add(questionnaire)
        response = QuestionnaireResponse(**_response(patient, now=now))
        session.add(response)
    message = _message_of_staff(clinic, patient, now=now)
    advised = report_something(clinic, patient, now=now)
    report = rejected_report(patient, now=now)
    webhook, event = webhook_of(clinic, now=now)
    return {
        "webhook_id": str(webhook),
        "delivery_id": str(event),
        "questionnaire_id": str(questionnaire.id),
        "response_id": str(response.id),
        "message_id": str(message),
        "report_id": str(report),
        "patient_id": str(patient.id),
        "episode_id": str(patient.episode_id),
        "item_id": str(item.lineage),
        "appointment_id": str(appointment),
        "device_id": str(patient.device_id),
        "occurrence_id": item.occurrence_id("20260302.morning"),
        "notification_id": notification_ids.encode(parts().keys, clinic.id, delivery.id),
        "advice_id": str(advised.id),
        "alert_id": str(advised.alert_id),
        "absence_id": str(absence),
        "staff_device_id": str(uuid4()),
        "site_id": str(clinic.site_id),
        "staff_id": str(clinic.staff["coordinator"]),
        "approval_id": str(approval_of(clinic)),
        "restriction_id": str(restriction_of(clinic, patient, now=now)),
        "day": HOLIDAY.isoformat(),
        "kind": "plan_template",
        "code": f"{TEMPLATE}_{clinic.id.hex[:8]}",
        "number": "1",
    }


def webhook_of(clinic: ClinicWithStaff, *, now: datetime) -> tuple[UUID, UUID]:
    """Return a webhook of the clinic, and an event that was written down for it."""
    admin, new = clinic.actor("admin"), NewWebhook(url="https://203.0.113.7/x", events=["a.b"])
    with transaction(clinic.id) as session:
        # The oldest makes room: a clinic may have a few only.
        for old in webhooks.webhooks_of(session, admin, before=None, limit=50)[5:]:
            webhooks.delete_webhook(session, admin, old.id, now=now)
        made = webhooks.add_webhook(session, parts().keys, admin, new, now=now).endpoint
        return made.id, webhooks.send_test(session, admin, made.id, now=now).id


def restriction_of(clinic: ClinicWithStaff, patient: PatientAtHome, *, now: datetime) -> UUID:
    """Return a restriction that was added for the patient."""
    row = {"code": "collar", "text": {"en": "Collar"}, "from_day": 0, "grade": "D"}
    lineage = uuid4()
    with transaction(clinic.id) as session:
        live = session.scalars(
            select(PlanRevision.id)
            .join(RecoveryPlan, RecoveryPlan.id == PlanRevision.plan_id)
            .where(RecoveryPlan.episode_id == patient.episode_id, PlanRevision.state == "live")
        ).one()
        session.add(
            PlanRestriction(
                clinic_id=clinic.id, id=uuid4(), revision_id=live, lineage_id=lineage,
                reason="Unstable.", added_by=clinic.staff["surgeon"], added_at=now, **row,
            )
        )  # fmt: skip
    return lineage


def rejected_report(patient: PatientAtHome, *, now: datetime) -> UUID:
    """Store a report that could not be taken, and return its id."""
    with transaction(patient.clinic_id) as session:
        row = RejectedReport(
            clinic_id=patient.clinic_id,
            id=uuid4(),
            patient_id=patient.id,
            episode_id=patient.episode_id,
            operation_id=uuid4(),
            payload={"answers": {"nrs_back": 11}},
            content_hash="0" * 64,
            code="invalid",
            errors=[{"pointer": "/payload/answers/nrs_back", "message": "From 0 to 10."}],
            received_at=now,
        )
        session.add(row)
        return row.id


def objects_of_nobody(clinic: ClinicWithStaff) -> dict[str, str]:
    """Return ids that are well-formed and belong to nothing."""
    return {
        "occurrence_id": encode(uuid4(), "20260302.morning"),
        "notification_id": notification_ids.encode(parts().keys, clinic.id, 2**40),
        "day": "2031-01-01",
        "kind": "plan_template",
        "code": "of_nobody",
        "number": "1",
    } | {
        name: str(uuid4())
        for name in (
            "approval_id",
            "restriction_id",
            "patient_id",
            "episode_id",
            "item_id",
            "appointment_id",
            "device_id",
            "advice_id",
            "alert_id",
            "report_id",
            "absence_id",
            "staff_device_id",
            "site_id",
            "staff_id",
            "questionnaire_id",
            "response_id",
            "message_id",
            "webhook_id",
            "delivery_id",
        )
    }


def somebody(clinic: ClinicWithStaff, *, now: datetime) -> tuple[PatientAtHome, dict[str, str]]:
    """Return a new patient with one of everything."""
    patient = make_patient(clinic, now=now)
    return patient, objects_of(clinic, patient, now=now)


def _message_of_staff(clinic: ClinicWithStaff, patient: PatientAtHome, *, now: datetime) -> UUID:
    """Return a message that staff wrote to the patient."""
    new = NewMessage(id=uuid4(), text="How are you?")
    with transaction(clinic.id) as session:
        episode = session.get_one(Episode, (clinic.id, patient.episode_id))
        reply(session, clinic.actor("coordinator"), episode, new, now=now)
    return new.id


def _questionnaire(clinic: ClinicWithStaff, *, now: datetime) -> dict[str, Any]:
    return {
        "clinic_id": clinic.id,
        "id": uuid4(),
        "instrument": "rmdq",
        "language": "en",
        "title": {"en": "A made-up form"},
        "content": like_the_rmdq(),
        "content_hash": token_hex(32),
        "active": False,
        "created_by": clinic.staff["admin"],
        "created_at": now,
    }


def _response(patient: PatientAtHome, *, now: datetime) -> dict[str, Any]:
    return {
        "clinic_id": patient.clinic_id,
        "id": uuid4(),
        "episode_id": patient.episode_id,
        "instrument": "psfs",
        "local_date": now.date(),
        "authored_at": now,
        "received_at": now,
        "answers": {},
        "complete": False,
        "source": "app",
    }


def _appointment(
    clinic: ClinicWithStaff, patient: PatientAtHome, its_id: Any, *, now: datetime
) -> Appointment:
    return Appointment(
        clinic_id=clinic.id,
        id=its_id,
        patient_id=patient.id,
        episode_id=patient.episode_id,
        site_id=clinic.site_id,
        kind="visit",
        title={"en": "Visit"},
        state="booked",
        starts_at=now + timedelta(days=3),
        minutes=30,
        created_at=now,
        updated_at=now,
    )


def _absence(clinic: ClinicWithStaff, its_id: Any, *, now: datetime) -> StaffAbsence:
    return StaffAbsence(
        clinic_id=clinic.id,
        id=its_id,
        staff_id=clinic.staff["coordinator"],
        from_date=now.date(),
        to_date=now.date(),
        created_at=now,
    )
