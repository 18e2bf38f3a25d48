"""When it happens: the days of one of the demo's patients, from discharge to today."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from recovery_service.cli.demo_clinic_moments import EventfulPatient
from recovery_service.cli.demo_clinic_patient import DAY, Floor
from recovery_service.cli.demo_clinic_people import Moment, Story
from recovery_service.domain.local_time import local_date

# The patient's local times. The loop goes before each round, when reminders have just gone.
REGISTERED, PUBLISHED, MOMENT, ENROLLED = time(9, 30), time(11), time(12), time(15)
MORNING, EVENING = time(9, 40), time(18, 10)
JUST_NOW = timedelta(minutes=10)

_WALKING = frozenset({"walking"})
_EXERCISE = frozenset({"physiotherapy"})
_HABITS = _WALKING | {"posture", "movement_caution", "education", "follow_up"}

Happening = Callable[[datetime], object]


@dataclass(frozen=True, order=True)
class Event:
    """Something that happens at an instant; `place` keeps the order of one instant."""

    at: datetime
    place: int
    happens: Happening = field(compare=False)


class Recovery:
    """The days of one patient."""

    def __init__(self, floor: Floor, story: Story, *, place: int, today: datetime) -> None:
        self._story = story
        self._place = place
        self._today = today
        self._discharged = local_date(story.site, today) - story.day * DAY
        self._patient = EventfulPatient(floor, story, discharged=self._discharged)

    def events(self) -> Iterator[Event]:
        """Yield all that happens, in any order; some of it may lie ahead today."""
        story, patient = self._story, self._patient
        yield self._event(0, REGISTERED, patient.register, at_last=JUST_NOW)
        if story.published:
            yield self._event(0, PUBLISHED, patient.publish, at_last=JUST_NOW / 2)
        if story.enrols:
            yield self._event(0, ENROLLED, patient.enrol)
        for moment in story.moments:
            yield self._event(moment.day, MOMENT, self._moment(moment))
        if story.published:
            yield from self._rounds()

    def _rounds(self) -> Iterator[Event]:
        silent_from = self._story.silent_from
        for day in range(self._story.day + 1 if silent_from is None else silent_from):
            if self._story.enrols:
                yield self._event(day, MORNING, self._morning(day))
            yield self._event(day, EVENING, self._evening(day))

    def _morning(self, day: int) -> Happening:
        """Begin the day; exercises wait for the evening where a check-in will tell of them."""

        def happens(now: datetime) -> None:
            told = self._patient.reports_on(day)
            self._patient.do_what_is_due(day, now, _HABITS if told else _HABITS | _EXERCISE)

        return happens

    def _evening(self, day: int) -> Happening:
        """Report the day; whoever has no phone is rung up, and ticks nothing off."""

        def happens(now: datetime) -> None:
            self._patient.report(day, now)
            if self._story.enrols:
                self._patient.do_what_is_due(day, now, _WALKING)

        return happens

    def _moment(self, moment: Moment) -> Happening:
        return lambda now: getattr(self._patient, moment.what)(now, **moment.told)

    def _event(
        self, day: int, at: time, happens: Happening, *, at_last: timedelta | None = None
    ) -> Event:
        """Return an event; with `at_last` it has happened, so long ago at least."""
        instant = self._instant(day, at)
        if at_last is not None:
            instant = min(instant, self._today - at_last)
        return Event(instant, self._place, happens)

    def _instant(self, day: int, at: time) -> datetime:
        """Return when the patient's clock shows a time on a day, wherever the patient is."""
        zone = self._story.site
        for moment in self._story.moments:
            if moment.what == "travel" and moment.day < day:
                zone = moment.told["zone"]
        there = datetime.combine(self._discharged + day * DAY, at, ZoneInfo(zone))
        return there.astimezone(UTC)
