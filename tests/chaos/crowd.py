"""Many patients, each with a phone at the counting provider and one reminder due now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from recovery_service.database import transaction
from recovery_service.domain.recurrence import Rule
from recovery_service.models import Destination, Device, Episode, Patient, Schedule
from tests.factories import ClinicWithStaff
from tests.reminders.plans import intern


@dataclass(frozen=True)
class Crowd:
    """Whom to reach: the endpoints of all phones, each of which is to ring once."""

    clinic_id: UUID
    endpoints: frozenset[str]

    @property
    def size(self) -> int:
        return len(self.endpoints)


def make_crowd(
    clinic: ClinicWithStaff,
    subscriptions: list[dict[str, Any]],
    *,
    now: datetime,
    valid_for: timedelta,
    days_due: int = 0,
) -> Crowd:
    """Store one patient, episode, phone and due schedule for each subscription.

    Each has been due for so many days, as if workers had ended then.
    """
    began = now.date() - timedelta(days=days_due)
    minute = now.hour * 60 + now.minute
    rule = Rule.parse(
        {
            "anchor": "discharge",
            "from_day": 0,
            "slots": {"now": f"{minute // 60:02}:{minute % 60:02}"},
            "valid_for_minutes": int(valid_for.total_seconds() // 60),
            "quiet": "ignore",  # what these tests show is true at night as well
        }
    )
    with transaction(clinic.id) as session:
        intern(session, clinic.id, rule)
        people = [(uuid4(), uuid4(), uuid4(), each) for each in subscriptions]
        key = {"clinic_id": clinic.id}
        stamps: dict[str, Any] = {"created_at": now, "updated_at": now}
        session.add_all(
            Patient(
                **key, id=patient, name="Test Patient", date_of_birth=now.date(),
                time_zone="UTC", locale="en", **stamps,
            )
            for patient, _, _, _ in people
        )  # fmt: skip
        session.flush()
        session.add_all(
            Episode(
                **key, id=episode, patient_id=patient, site_id=clinic.site_id,
                procedure="lumbar_microdiscectomy", discharge_date=began, **stamps,
            )
            for patient, episode, _, _ in people
        )  # fmt: skip
        session.add_all(
            Device(
                **key, id=device, patient_id=patient, platform="webpush", time_zone="UTC",
                locale="en", last_seen_at=now, created_at=now,
            )
            for patient, _, device, _ in people
        )  # fmt: skip
        session.flush()
        session.add_all(
            Destination(
                **key, id=uuid4(), patient_id=patient, channel="webpush", device_id=device,
                subscription=subscription, created_at=now,
            )
            for patient, _, device, subscription in people
        )  # fmt: skip
        session.add_all(
            Schedule(
                **key, id=uuid4(), patient_id=patient, episode_id=episode, kind="physiotherapy",
                remind_via="push", rule_hash=rule.hash(), anchor_date=began,
                time_zone="UTC", opens_at=now - timedelta(days=days_due), next_date=began,
                next_minute=minute,
                next_due_at=now.replace(second=0, microsecond=0) - timedelta(days=days_due),
            )
            for patient, episode, _, _ in people
        )  # fmt: skip
    return Crowd(clinic.id, frozenset(each["endpoint"] for each in subscriptions))
