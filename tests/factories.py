"""Rows that tests begin with. People here exist in tests only."""

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert

from recovery_service.database import transaction
from recovery_service.domain.access import Actor, Role
from recovery_service.domain.content_pieces import PieceKey, shared_pieces, template_piece
from recovery_service.extensions import parts
from recovery_service.models import (
    Clinic,
    ContentApproval,
    Destination,
    Device,
    Episode,
    Patient,
    Site,
    StaffMember,
)
from recovery_service.services import directory
from recovery_service.services.passwords import hash_password
from recovery_service.services.tokens import Issuer, issue_tokens

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class ClinicWithStaff:
    """A clinic, its site, and one person of each role."""

    id: UUID
    site_id: UUID
    staff: dict[str, UUID] = field(default_factory=dict)
    emails: dict[str, str] = field(default_factory=dict)

    def actor(self, role: str = "physiotherapist") -> Actor:
        """Return the person of a role as the actor of a request."""
        return Actor(
            clinic_id=self.id, kind="staff", id=self.staff[role], roles=frozenset({Role(role)})
        )

    def bearer(self, role: str = "physiotherapist") -> dict[str, str]:
        """Return the headers by which the person of a role calls the API."""
        with transaction(self.id) as session:
            pair = issue_tokens(
                session, issuer(), self.id, now=parts().clock(), staff_id=self.staff[role]
            )
        return {"Authorization": f"Bearer {pair.access_token}"}


def issuer() -> Issuer:
    """Return what issues tokens in the current application."""
    return Issuer(keys=parts().keys, life=parts().access_token_life)


def make_clinic(
    *,
    now: datetime,
    name: str = "Clinic",
    zone: str = "Europe/London",
    kind: str = "production",
    approved: bool = True,
) -> ClinicWithStaff:
    """Store a clinic with a default site and one person of each role.

    Its physiotherapist has approved the shipped content, unless `approved` says no.
    """
    clinic_id = uuid4()
    made = ClinicWithStaff(clinic_id, uuid4())
    stamps: dict[str, Any] = {"created_at": now, "updated_at": now}
    with transaction(clinic_id) as session:
        session.add(Clinic(id=clinic_id, name=name, kind=kind, **stamps))
        session.flush()
        session.add(
            Site(
                clinic_id=clinic_id,
                id=made.site_id,
                name="Main site",
                time_zone=zone,
                country="GB",
                is_default=True,
                opening_hours={str(day): [["08:00", "17:00"]] for day in range(1, 6)},
                phones={"clinic": "+442079460000", "emergency": "999"},
                **stamps,
            )
        )
        for role in ("physiotherapist", "surgeon", "coordinator", "admin"):
            made.staff[role] = uuid4()
            made.emails[role] = f"{role}@{clinic_id.hex[:8]}.example"
            session.add(
                StaffMember(
                    clinic_id=clinic_id,
                    id=made.staff[role],
                    email=made.emails[role],
                    name=f"Test {role.title()}",
                    roles=[role],
                    password_hash=_hash(PASSWORD),
                    **stamps,
                )
            )
            key = parts().keys.staff_email(made.emails[role])
            directory.enter(session, "staff_email", key, clinic_id)
        if approved:
            session.flush()
            session.execute(insert(ContentApproval), _approvals(made, now=now))
    return made


def _approvals(clinic: ClinicWithStaff, *, now: datetime) -> list[dict[str, Any]]:
    """Return the approvals of all shipped content, without what was read: it is large.

    So is the template that plans made by `tests.plan_rows` name.
    """
    content = parts().content
    templates = [template_piece(each) for each in content.templates.values()]
    pieces = [(piece.key, piece.version) for piece in (*shared_pieces(content), *templates)]
    pieces.append((PieceKey("plan_template", "of_a_test", "0" * 64), 1))
    return [
        {
            "clinic_id": clinic.id,
            "id": uuid4(),
            "number": number,
            **key._asdict(),
            "version": version,
            "content": {},
            "decision": "approve",
            "decided_by": clinic.staff["physiotherapist"],
            "decided_as": "physiotherapist",
            "decided_at": now,
        }
        for number, (key, version) in enumerate(pieces, 1)
    ]


@cache
def _hash(password: str) -> str:
    return hash_password(password)


@dataclass(frozen=True)
class PatientAtHome:
    """A patient with an open episode, and perhaps a phone."""

    clinic_id: UUID
    id: UUID
    episode_id: UUID
    device_id: UUID | None = None

    def actor(self) -> Actor:
        """Return the patient as the actor of a request."""
        return Actor(
            clinic_id=self.clinic_id,
            kind="patient",
            id=self.id,
            roles=frozenset({Role.PATIENT}),
            device_id=self.device_id,
        )

    def bearer(self) -> dict[str, str]:
        """Return the headers by which the patient's phone calls the API."""
        with transaction(self.clinic_id) as session:
            pair = issue_tokens(
                session,
                issuer(),
                self.clinic_id,
                now=parts().clock(),
                patient_id=self.id,
                device_id=self.device_id,
            )
        return {"Authorization": f"Bearer {pair.access_token}"}


def make_patient(
    clinic: ClinicWithStaff,
    *,
    now: datetime,
    zone: str = "Europe/London",
    locale: str = "en",
    procedure: str = "lumbar_microdiscectomy",
    surgery_date: date | None = date(2026, 2, 27),
    discharge_date: date = date(2026, 3, 1),
    phone: bool = True,
    **changes: Any,
) -> PatientAtHome:
    """Store a patient three days after surgery, with an inbox and a web-push device."""
    made = PatientAtHome(clinic.id, uuid4(), uuid4(), uuid4() if phone else None)
    key: dict[str, Any] = {"clinic_id": clinic.id}
    stamps: dict[str, Any] = {"created_at": now, "updated_at": now}
    with transaction(clinic.id) as session:
        patient = {
            "name": "Test Patient",
            "date_of_birth": date(1970, 1, 1),
            "time_zone": zone,
            "locale": locale,
        }
        session.add(Patient(**key, id=made.id, **patient | changes, **stamps))
        session.flush()
        session.add(
            Episode(
                **key,
                id=made.episode_id,
                patient_id=made.id,
                site_id=clinic.site_id,
                procedure=procedure,
                surgery_date=surgery_date,
                discharge_date=discharge_date,
                **stamps,
            )
        )
        if made.device_id is not None:
            _add_phone(session, made, zone=zone, locale=locale, now=now)
    return made


def _add_phone(session: Any, made: PatientAtHome, *, zone: str, locale: str, now: datetime) -> None:
    key: dict[str, Any] = {"clinic_id": made.clinic_id, "patient_id": made.id}
    session.add(
        Device(
            **key,
            id=made.device_id,
            platform="webpush",
            time_zone=zone,
            locale=locale,
            last_seen_at=now,
            created_at=now,
        )
    )
    session.flush()
    session.add_all(
        [
            Destination(**key, id=uuid4(), channel="inbox", created_at=now),
            Destination(
                **key,
                id=uuid4(),
                channel="webpush",
                device_id=made.device_id,
                subscription={"endpoint": "https://push.example/1", "keys": {}},
                created_at=now,
            ),
        ]
    )
