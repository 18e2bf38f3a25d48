"""Appointments as people see them: in their order, at their site's local time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from recovery_service.domain.appointments import state_at
from recovery_service.domain.local_time import start_of_day, zone
from recovery_service.models import Appointment, AppointmentResponse, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentView:
    """An appointment and its site; the state reads as of the request's instant.

    `elsewhere_at` is when it is, if the patient has booked it with somebody else and said so.
    """

    appointment: Appointment
    site: Site
    state: str
    elsewhere_at: datetime | None = None

    @property
    def local_date(self) -> date | None:
        """The date on the site's calendar, None while it is to be booked."""
        starts = self._local_start()
        return None if starts is None else starts.date()

    @property
    def local_time(self) -> time | None:
        """The time on the site's clock, None while it is to be booked."""
        starts = self._local_start()
        return None if starts is None else starts.time()

    @property
    def window(self) -> dict[str, date] | None:
        """The local dates in which it should fall, both included."""
        first, last = self.appointment.window_from, self.appointment.window_to
        return None if first is None or last is None else {"from_date": first, "to_date": last}

    @property
    def place(self) -> tuple[datetime, UUID]:
        """Where it stands in a list: its start, or else the beginning of its window."""
        row = self.appointment
        if row.starts_at is not None:
            return row.starts_at, row.id
        if row.window_from is not None:
            return start_of_day(self.site.time_zone, row.window_from), row.id
        return row.created_at, row.id

    def _local_start(self) -> datetime | None:
        starts = self.appointment.starts_at
        return None if starts is None else starts.astimezone(zone(self.site.time_zone))


def view_appointment(session: Session, row: Appointment, *, now: datetime) -> AppointmentView:
    """Return an appointment as it stands now."""
    site = session.get_one(Site, (row.clinic_id, row.site_id))
    elsewhere = _elsewhere(session, row.clinic_id, Appointment.id == row.id)
    return _view(row, site, elsewhere, now)


def appointments_of(
    session: Session, clinic_id: UUID, *, now: datetime, **whose: UUID
) -> Sequence[AppointmentView]:
    """Return all appointments of a `patient_id` or an `episode_id`, the earliest first.

    They are a handful, and their order depends on the site's zone: they are sorted here.
    """
    elsewhere = _elsewhere(
        session, clinic_id, *(getattr(Appointment, name) == key for name, key in whose.items())
    )
    rows = session.execute(
        select(Appointment, Site)
        .filter_by(**whose)
        .join(Site, (Site.clinic_id == Appointment.clinic_id) & (Site.id == Appointment.site_id))
        .where(Appointment.clinic_id == clinic_id)
    )
    views = (_view(row, site, elsewhere, now) for row, site in rows)
    return sorted(views, key=lambda view: view.place)


def _elsewhere(
    session: Session, clinic_id: UUID, *whose: ColumnElement[bool]
) -> dict[UUID, datetime | None]:
    """Return when each is that the patient has booked elsewhere, by the latest word."""
    said = session.execute(
        select(AppointmentResponse.appointment_id, AppointmentResponse.starts_at)
        .join(
            Appointment,
            (Appointment.clinic_id == AppointmentResponse.clinic_id)
            & (Appointment.id == AppointmentResponse.appointment_id),
        )
        .where(
            AppointmentResponse.clinic_id == clinic_id,
            AppointmentResponse.response == "booked_elsewhere",
            Appointment.response == "booked_elsewhere",
            *whose,
        )
        .order_by(AppointmentResponse.received_at)
    )
    return {row.appointment_id: row.starts_at for row in said}


def _view(
    row: Appointment, site: Site, elsewhere: Mapping[UUID, datetime | None], now: datetime
) -> AppointmentView:
    state = state_at(row.state, row.starts_at, now=now)
    return AppointmentView(
        appointment=row, site=site, state=state, elsewhere_at=elsewhere.get(row.id)
    )
