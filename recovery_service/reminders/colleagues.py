"""Who works for a clinic, who follows a patient, and who is away: as alerts ask for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from recovery_service.domain.escalation import Colleague, Recipient
from recovery_service.domain.identifiers import new_id

# By patient, so that a batch of alerts asks once.
COLLEAGUES = """
SELECT w.patient_id, m.id, m.roles, t.lead, m.alert_mail, m.alert_push,
       CASE WHEN m.alert_push <> 'none' THEN
            ARRAY(SELECT v.id FROM staff_device v
                   WHERE v.clinic_id = m.clinic_id AND v.staff_id = m.id AND v.retired_at IS NULL
                   ORDER BY v.id) END
  FROM unnest(%(clinics)s::uuid[], %(patients)s::uuid[], %(days)s::date[])
       AS w (clinic_id, patient_id, today)
  JOIN staff_member m ON m.clinic_id = w.clinic_id AND m.disabled_at IS NULL
  LEFT JOIN LATERAL (
       SELECT bool_or(c.lead) AS lead
         FROM care_team_member c
        WHERE c.clinic_id = w.clinic_id AND c.patient_id = w.patient_id AND c.staff_id = m.id
          AND c.from_date <= w.today AND (c.to_date IS NULL OR c.to_date >= w.today)) t ON true
 ORDER BY w.patient_id, m.id
"""

ABSENT = """
SELECT DISTINCT ON (w.patient_id, a.staff_id) w.patient_id, a.staff_id, a.cover_id
  FROM unnest(%(clinics)s::uuid[], %(patients)s::uuid[], %(days)s::date[])
       AS w (clinic_id, patient_id, today)
  JOIN staff_absence a ON a.clinic_id = w.clinic_id
   AND a.from_date <= w.today AND a.to_date >= w.today
 ORDER BY w.patient_id, a.staff_id, a.cover_id IS NULL, a.from_date DESC
"""


def colleagues_by_patient(rows: Sequence[Any]) -> dict[UUID, list[Colleague]]:
    """Read the rows of `COLLEAGUES`."""
    found: dict[UUID, list[Colleague]] = {}
    for patient_id, staff_id, roles, lead, mail, push, devices in rows:
        found.setdefault(patient_id, []).append(
            Colleague(
                id=staff_id,
                roles=frozenset(roles),
                lead=lead,
                mail=mail,
                push=push,
                devices=tuple(devices or ()),
            )
        )
    return found


def notice(
    told: Recipient, clinic_id: UUID, alert_id: UUID, cause: str, *, new: bool, now: datetime
) -> dict[str, Any]:
    """Return a row of `NOTICES`; `new`: the alert is raised by the same statement."""
    return {
        "clinic_id": clinic_id,
        "id": new_id(now=now),
        "alert_id": alert_id,
        "staff_id": told.staff_id,
        "device_id": told.device_id,
        "cause": cause,
        "new": new,
    }


def covers_by_patient(rows: Sequence[Any]) -> dict[UUID, Mapping[UUID, UUID | None]]:
    """Read the rows of `ABSENT`: who is away, and who stands in."""
    found: dict[UUID, dict[UUID, UUID | None]] = {}
    for patient_id, staff_id, cover_id in rows:
        found.setdefault(patient_id, {})[staff_id] = cover_id
    return dict(found)
