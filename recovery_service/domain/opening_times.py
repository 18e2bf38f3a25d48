"""When somebody answers: a site's opening hours and holidays, as instants."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from recovery_service.domain.local_time import instant, local_date
from recovery_service.domain.opening_hours import MIDNIGHT

#: No site is closed for longer than that; who says so has not said when it opens.
REACH_DAYS = 60

Span = tuple[datetime, datetime]
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningTimes:
    """The hours of a site (`hours` as :class:`recovery_service.models.Site` keeps them)."""

    time_zone: str
    hours: Mapping[str, Sequence[Sequence[str]]]
    holidays: frozenset[date] = field(default_factory=frozenset)

    @property
    def known(self) -> bool:
        """Say whether any hours are told; without them nobody is promised to look."""
        return any(self.hours.values())

    def is_open(self, at: datetime) -> bool:
        """Say whether somebody is there at an instant."""
        begins, _ = next(self._spans(at), (None, None))
        return begins is not None and begins <= at

    def next_open(self, at: datetime) -> datetime | None:
        """Return the first instant from `at` on at which it is open, if there is one."""
        begins, _ = next(self._spans(at), (None, None))
        return None if begins is None else max(begins, at)

    def after(self, at: datetime, minutes: int) -> datetime | None:
        """Return when so many minutes of opening will have passed since `at`, if ever."""
        left = timedelta(minutes=minutes)
        for begins, ends in self._spans(at):
            there = ends - max(begins, at)
            if there >= left:
                return max(begins, at) + left
            left -= there
        return None

    def closes(self, at: datetime) -> datetime | None:
        """Return when the day that is open at `at` closes for good; None while it is closed."""
        if not self.is_open(at):
            return None
        spans = self._of_day(local_date(self.time_zone, at))
        return max((ends for _, ends in spans), default=None)

    def end_of_open_day(self, at: datetime, days: int) -> datetime | None:
        """Return when the `days`-th open day after the local date of `at` closes, if ever."""
        day = local_date(self.time_zone, at)
        for _ in range(REACH_DAYS):
            day += _DAY
            spans = self._of_day(day)
            days -= bool(spans)
            if spans and days == 0:
                return spans[-1][1]
        return None

    def _spans(self, at: datetime) -> Iterator[Span]:
        """Yield the spans that end after an instant, in their order."""
        day = local_date(self.time_zone, at) - _DAY
        for _ in range(REACH_DAYS):
            for begins, ends in self._of_day(day):
                if ends > at:
                    yield begins, ends
            day += _DAY

    def _of_day(self, day: date) -> list[Span]:
        if day in self.holidays:
            return []
        found = []
        for begins, ends in self.hours.get(str(day.isoweekday()), ()):
            first, last = self._at(day, begins), self._at(day, ends)
            if first is not None and last is not None and first < last:
                found.append((first, last))
        return found

    def _at(self, day: date, time: str) -> datetime | None:
        if time == MIDNIGHT:
            return instant(self.time_zone, day.toordinal() + 1, 0)
        hour, minute = time.split(":")
        return instant(self.time_zone, day.toordinal(), int(hour) * 60 + int(minute))
