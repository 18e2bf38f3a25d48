"""What is out of the ordinary in the days of the demo's patients."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import select

from recovery_service.cli.demo_clinic_patient import DAY, DemoPatient
from recovery_service.models import Appointment
from recovery_service.services import plan_drafts, plan_edits
from recovery_service.services.booking import change_appointment
from recovery_service.services.episodes import hold_episode, open_episode
from recovery_service.services.profile import ProfileChange, change_profile
from recovery_service.services.schedules import items_of

_VISITS_BEGIN = time(10, 30)


class EventfulPatient(DemoPatient):
    """A patient to whom more happens; the methods are the names of moments."""

    def prefer_times(self, now: datetime, **kinds: dict[str, str]) -> None:
        """Choose times of reminders by kind."""
        self._change(ProfileChange(preferences={"reminder_times": kinds}), now)

    def quiet_hours(self, now: datetime, **window: str) -> None:
        """Choose when nothing is to be heard."""
        self._change(ProfileChange(preferences={"quiet_hours": window}), now)

    def walk_longer(self, now: datetime, minutes: int) -> None:
        """Change one item of the running plan, as a physiotherapist does after a call."""
        with self._open() as session:
            draft = plan_drafts.draft_of(
                session, self._physiotherapist, self._episode(session), now=now
            )
            for item in items_of(session, draft):
                if item.kind == "walking":
                    dose = {**item.dose, "minutes": minutes}
                    plan_edits.change_item(session, draft, item.lineage_id, {"dose": dose}, now=now)
        self._make_live(now)

    def travel(self, now: datetime, zone: str) -> None:
        """Move to another zone and say so."""
        self._zone = zone
        self._change(ProfileChange(time_zone=zone), now)

    def _change(self, change: ProfileChange, now: datetime) -> None:
        with self._open() as session:
            change_profile(session, self._phone, self._patient_id, change, now=now)

    def hold(self, now: datetime, reason: str) -> None:
        """Stop plan and reminders, as a surgeon."""
        with self._open() as session:
            hold_episode(
                session,
                self._floor.staff["surgeon"],
                self._episode(session),
                self._patient(session),
                reason=reason,
                held_from=None,
                now=now,
            )

    def operate_again(self, now: datetime) -> None:
        """Open the episode of a second operation, which ends the first, and plan it anew."""
        today = now.date()
        again = self._operation(
            surgery_date=today - DAY, discharge_date=today, supersedes=self._episode_id
        )
        with self._open() as session:
            made = open_episode(
                session,
                self._floor.staff["surgeon"],
                self._floor.content,
                self._patient(session),
                again,
                now=now,
            )
            self._episode_id, self._surgery = made.id, today - DAY
        self.publish(now)

    def book(self, now: datetime, kind: str, day: int) -> None:
        """Book one of the plan's follow-ups for a day since discharge, as a coordinator."""
        there = datetime.combine(
            self._discharged + day * DAY, _VISITS_BEGIN, ZoneInfo(self.story.site)
        )
        self._change_visit(kind, {"starts_at": there.astimezone(UTC)}, now)

    def attend(self, now: datetime, kind: str) -> None:
        """Keep an appointment."""
        self._change_visit(kind, {"state": "attended"}, now)

    def _change_visit(self, kind: str, changes: dict[str, object], now: datetime) -> None:
        wanted = select(Appointment).where(
            Appointment.clinic_id == self._floor.clinic_id,
            Appointment.episode_id == self._episode_id,
            Appointment.kind == kind,
        )
        with self._open() as session:
            row, coordinator = session.scalars(wanted).one(), self._floor.staff["coordinator"]
            change_appointment(session, coordinator, row, self._episode(session), changes, now=now)
