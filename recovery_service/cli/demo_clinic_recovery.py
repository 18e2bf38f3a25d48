"""How one of the demo's patients recovers: what is done, by whom, and when."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from recovery_service.cli.demo_clinic_people import Moment, Story
from recovery_service.cli.demo_clinic_reports import answers_of
from recovery_service.database import one_trip, transaction
from recovery_service.domain.access import Actor, Role
from recovery_service.domain.actions import NewAction
from recovery_service.domain.check_ins import NewCheckIn
from recovery_service.domain.content import Content
from recovery_service.domain.episodes import NewEpisode
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.local_time import local_date
from recovery_service.errors import RecoveryError
from recovery_service.models import Episode, Patient
from recovery_service.services import plan_edits, plans, templates
from recovery_service.services.agenda import agenda
from recovery_service.services.check_ins import Reporter, record_check_in
from recovery_service.services.devices import NewDevice
from recovery_service.services.episodes import hold_episode, open_episode
from recovery_service.services.occurrences import act
from recovery_service.services.patients import NewPatient, register_patient
from recovery_service.services.profile import ProfileChange, change_profile
from recovery_service.services.publishing import Publication, publish
from recovery_service.services.redemption import NewEnrolment, redeem_code
from recovery_service.services.schedules import items_of
from recovery_service.services.tokens import Issuer

DAY = timedelta(days=1)
JUST_NOW = timedelta(minutes=10)
# The patient's local times. The loop goes before each round, when reminders have just gone.
REGISTERED, PUBLISHED, MOMENT, ENROLLED = time(9, 30), time(11), time(12), time(15)
ROUNDS = (time(9, 40), time(18, 20))
_EVENING = ROUNDS[-1]


@dataclass(frozen=True, kw_only=True)
class Floor:
    """The clinic as those who work there stand in it."""

    clinic_id: UUID
    staff: dict[str, Actor]
    sites: dict[str, UUID]
    issuer: Issuer
    content: Content


@dataclass(frozen=True, order=True)
class Event:
    """Something that happens at an instant; `place` keeps the order of one instant."""

    at: datetime
    place: int
    happens: Callable[[datetime], object] = field(compare=False)


class Recovery:
    """One patient's way, enacted by the services that everybody uses."""

    def __init__(self, floor: Floor, story: Story, *, place: int, today: datetime) -> None:
        self.story = story
        self._floor = floor
        self._place = place
        self._today = today
        self._discharged = local_date(story.site, today) - story.day * DAY
        self._surgery = self._discharged - timedelta(days=story.stay)
        self._chance = Random(story.name)  # noqa: S311 - the same history at every time
        self._zone = story.site
        self._code: str | None = None
        self._patient_id = self._episode_id = self._device_id = UUID(int=0)

    def events(self) -> Iterator[Event]:
        """Yield all that happens from discharge to today, in any order."""
        story = self.story
        yield self._event(0, REGISTERED, self._register, at_last=JUST_NOW)
        if story.published:
            yield self._event(0, PUBLISHED, self._publish, at_last=JUST_NOW / 2)
        if story.enrols:
            yield self._event(0, ENROLLED, self._enrol)
        for moment in story.moments:
            yield self._event(moment.day, MOMENT, self._moment(moment))
        if not story.published:
            return
        for day in range(story.day + 1):
            for at in ROUNDS if story.enrols else (_EVENING,):
                if story.silent_from is None or day < story.silent_from:
                    yield self._event(day, at, self._round(day, at))

    def _event(
        self,
        day: int,
        at: time,
        happens: Callable[[datetime], object],
        *,
        at_last: timedelta | None = None,
    ) -> Event:
        """Return an event; with `at_last` it has happened, so long ago at least."""
        instant = self._instant(day, at)
        if at_last is not None:
            instant = min(instant, self._today - at_last)
        return Event(instant, self._place, happens)

    def _instant(self, day: int, at: time) -> datetime:
        zone = self.story.site
        for moment in self.story.moments:
            if moment.what == "travel" and moment.day < day:
                zone = moment.told["zone"]
        there = datetime.combine(self._discharged + day * DAY, at, ZoneInfo(zone))
        return there.astimezone(UTC)

    def _moment(self, moment: Moment) -> Callable[[datetime], object]:
        return lambda now: getattr(self, f"_{moment.what}")(now, **moment.told)

    def _round(self, day: int, at: time) -> Callable[[datetime], object]:
        if not self.story.enrols:
            return lambda now: self._report(day, now)
        if at == _EVENING:
            return lambda now: (self._report(day, now), self._do_what_is_due(day, now))
        return lambda now: self._do_what_is_due(day, now)

    def _register(self, now: datetime) -> None:
        story = self.story
        new = NewPatient(
            name=story.name,
            date_of_birth=story.born,
            time_zone=story.site,
            locale=story.locale,
            contact_mode=story.contact_mode,
            phone=story.phone,
            care_team=[_id(self._floor.staff[role]) for role in ("physiotherapist", "surgeon")],
            episode=self._operation(),
        )
        with self._open() as session:
            made = register_patient(
                session,
                self._floor.staff["coordinator"],
                self._floor.issuer.keys,
                self._floor.content,
                new,
                now=now,
            )
            self._patient_id, self._episode_id = made.patient.id, made.episode.id
        self._code = made.enrolment_code
        if not story.published:
            self._draft(now)

    def _operation(self, **more: Any) -> NewEpisode:
        story = self.story
        values: dict[str, Any] = {
            "procedure": story.procedure,
            "levels": story.levels,
            "side": story.side,
            "surgery_date": self._surgery,
            "discharge_date": self._discharged,
            "baseline": dict(story.baseline),
            "site": self._floor.sites[story.site],
        }
        return NewEpisode(**values | more)

    def _draft(self, now: datetime) -> None:
        """Begin the plan; who did not ask for them gets no breaks from sitting."""
        with self._open() as session:
            episode = self._episode(session)
            template = templates.default_for(session, self._floor.content, episode)
            draft = plans.draft_from_template(
                session, self._physiotherapist, episode, template, now=now
            )
            for item in items_of(session, draft):
                if item.rule["remind_via"] == "device" and not self.story.sitting_breaks:
                    plan_edits.remove_item(session, draft, item.lineage_id, now=now)

    def _publish(self, now: datetime) -> None:
        self._draft(now)
        with self._open() as session:
            episode = self._episode(session)
            publish(
                session,
                self._physiotherapist,
                episode,
                self._patient(session),
                templates.default_for(session, self._floor.content, episode),
                Publication(),
                now=now,
            )

    def _enrol(self, now: datetime) -> None:
        self._device_id = new_id(now=now)
        device = NewDevice(
            id=self._device_id,
            name=f"{self.story.name.split()[0]}'s phone",
            platform="ios" if self._place % 2 else "android",
            time_zone=self._zone,
            locale=self.story.locale,
            app_version="1.0.0",
        )
        enrolment = NewEnrolment(
            code=self._code or "",
            date_of_birth=self.story.born,
            device=device,
            consents=(("privacy", "1"),),
        )
        with self._open() as session:
            outcome = redeem_code(
                session,
                self._floor.issuer,
                self._floor.clinic_id,
                enrolment,
                request_id=None,
                now=now,
            )
        if isinstance(outcome, RecoveryError):
            raise outcome

    def _do_what_is_due(self, day: int, now: datetime) -> None:
        """Let the patient do some of what waits; some say how it went."""
        local_day = self._discharged + day * DAY
        key = (self._floor.clinic_id, self._patient_id)
        with self._open() as session:
            entries = agenda(session, *key, local_day, local_day, now=now, language="en")
            for entry in entries:
                done = entry.state == "due" and entry.kind != "check_in"
                if done and self._chance.random() < self.story.diligence:
                    self._complete(session, entry.id, now)

    def _complete(self, session: Session, occurrence_id: str, now: datetime) -> None:
        action = NewAction(
            id=new_id(now=now),
            action="complete",
            at=now - timedelta(minutes=self._chance.randrange(1, 9)),
        )
        act(session, self._phone, occurrence_id, action, now=now, language=self.story.locale)

    def _report(self, day: int, now: datetime) -> None:
        """Send a check-in, by the phone or by the physiotherapist who rang up."""
        catalogue = self._floor.content.check_ins
        local_day = self._discharged + day * DAY
        since = (local_day - self._surgery).days
        if not catalogue.is_due(since):
            return
        by_staff = not self.story.enrols
        new = NewCheckIn(
            id=new_id(now=now),
            date=local_day,
            recorded_at=now,
            time_zone=self._zone,
            form_version=catalogue.form_version,
            answers=answers_of(
                self.story, day, catalogue, since_surgery=since, chance=self._chance
            ),
            source="staff_phone" if by_staff else "app",
            reported_by=self.story.name if by_staff else None,
        )
        reporter = Reporter(
            clinic_id=self._floor.clinic_id,
            patient_id=self._patient_id,
            home_zone=self._zone,
            episode_id=self._episode_id if by_staff else None,
            entered_by=_id(self._physiotherapist) if by_staff else None,
            device_id=None if by_staff else self._device_id,
        )
        record_check_in(one_trip, self._open, catalogue, reporter, new, now=now)

    def _prefer_times(self, now: datetime, **kinds: dict[str, str]) -> None:
        self._change(ProfileChange(preferences={"reminder_times": kinds}), now)

    def _quiet_hours(self, now: datetime, **window: str) -> None:
        self._change(ProfileChange(preferences={"quiet_hours": window}), now)

    def _travel(self, now: datetime, zone: str) -> None:
        self._zone = zone
        self._change(ProfileChange(time_zone=zone), now)

    def _change(self, change: ProfileChange, now: datetime) -> None:
        with self._open() as session:
            change_profile(session, self._phone, self._patient_id, change, now=now)

    def _hold(self, now: datetime, reason: str) -> None:
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

    def _operate_again(self, now: datetime) -> None:
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
        self._publish(now)

    def _open(self) -> Any:
        return transaction(self._floor.clinic_id)

    def _episode(self, session: Session) -> Episode:
        return session.get_one(Episode, (self._floor.clinic_id, self._episode_id))

    def _patient(self, session: Session) -> Patient:
        return session.get_one(Patient, (self._floor.clinic_id, self._patient_id))

    @property
    def _physiotherapist(self) -> Actor:
        return self._floor.staff["physiotherapist"]

    @property
    def _phone(self) -> Actor:
        return Actor(
            clinic_id=self._floor.clinic_id,
            kind="patient",
            id=self._patient_id,
            roles=frozenset({Role.PATIENT}),
            device_id=self._device_id,
        )


def _id(actor: Actor) -> UUID:
    assert actor.id is not None  # noqa: S101 - a colleague has an id
    return actor.id
