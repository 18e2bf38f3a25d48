"""The monitoring promise: who looks at what a patient reports, by when, and what until then.

It promises no more than the site's opening hours and the open alerts hold, and it never
reassures: where nobody looks, it says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from recovery_service.domain.content import Content
from recovery_service.domain.dates_in_words import moment
from recovery_service.domain.emergency_numbers import Directory
from recovery_service.domain.local_time import local_date
from recovery_service.domain.opening_times import OpeningTimes

WATCHED = "watched"
OUT_OF_HOURS = "out_of_hours"
NOT_MONITORED = "not_monitored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What is open for a patient: by when somebody looks, and who has looked already.

    `respond_by` is the earliest of the alerts that nobody has seen; `overdue` says that one
    has lapsed; `seen_at` is when the latest of those that are not resolved was acknowledged.
    """

    respond_by: datetime | None = None
    overdue: bool = False
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who watches one episode: the site, when it is open, whom to call, and until when.

    `until` is the last local date on which anybody looks; None where there is no episode.
    """

    site: str | None
    times: OpeningTimes
    directory: Directory
    until: date | None
    ended: bool = False

    def state(self, now: datetime, time_zone: str) -> str:
        """Return whether somebody looks now, later, or not at all."""
        over = self.ended or self.until is None or local_date(time_zone, now) > self.until
        if over or self.times.next_open(now) is None:
            return NOT_MONITORED
        return WATCHED if self.times.is_open(now) else OUT_OF_HOURS


def promise(
    content: Content,
    watch: Watch,
    waiting: Waiting,
    *,
    now: datetime,
    time_zone: str,
    language: str,
) -> dict[str, Any]:
    """Return `{state, respond_by, next_open_at, seen_at, overdue, until_then, phones}`.

    Times are said on the patient's clock (`time_zone`). A response is promised only by
    hours that the site has told.
    """
    state = watch.state(now, time_zone)
    told = _Told(content, watch, waiting, state, now, time_zone, language)
    return {
        "state": state,
        "respond_by": waiting.respond_by,
        "next_open_at": watch.times.next_open(now) if state == OUT_OF_HOURS else None,
        "seen_at": waiting.seen_at,
        "overdue": waiting.overdue,
        "monitored_until": watch.until,
        "until_then": " ".join(told.sentences()),
        "phones": dict(watch.directory.phones),
    }


@dataclass(frozen=True, slots=True)
class _Told:
    """The sentences of one promise."""

    content: Content
    watch: Watch
    waiting: Waiting
    state: str
    now: datetime
    time_zone: str
    language: str

    def sentences(self) -> Iterator[str]:
        """Yield who looks and when, then what to do until then, then whom to call."""
        yield from self._who_looks()
        yield self._text("until_then")
        yield from self._whom_to_call()

    def _who_looks(self) -> Iterator[str]:
        waiting = self.waiting
        if waiting.seen_at is not None:
            yield self._text("seen", at=self._moment(waiting.seen_at))
        if waiting.overdue:
            yield self._text("overdue")
        elif waiting.respond_by is not None:
            yield self._text("respond_by", at=self._moment(waiting.respond_by))
        elif self.state == NOT_MONITORED:
            yield self._text("over" if self._is_over() else "not_monitored")
            return
        elif waiting.seen_at is None:
            yield self._text("not_in_real_time", site=self.watch.site or "")
        if self.state == OUT_OF_HOURS:
            opens = self.watch.times.next_open(self.now)
            yield self._text("closed", at=self._moment(opens or self.now))

    def _whom_to_call(self) -> Iterator[str]:
        directory = self.watch.directory
        named = {f"{name}_phone": number for name, number in directory.phones.items()}
        if directory.abroad:
            known = "abroad_unknown" if directory.emergency_unknown else "abroad"
            yield self._text(known, **named)
        if {"clinic", "emergency"} <= directory.phones.keys():
            yield self._text("whom_to_call", **named)
        elif not directory.abroad:
            yield self._text("no_phone")
        if "out_of_hours" in directory.phones:
            yield self._text("out_of_hours", **named)

    def _is_over(self) -> bool:
        return self.watch.times.known and self.watch.until is not None

    def _moment(self, at: datetime) -> str:
        return moment(
            self.content, at, now=self.now, time_zone=self.time_zone, language=self.language
        )

    def _text(self, key: str, **words: object) -> str:
        return self.content.text(f"monitoring.{key}", self.language, **words)


def waiting_of(rows: Mapping[str, Any] | None, *, now: datetime) -> Waiting:
    """Return what waits, as the database sums it up: `{respond_by, seen_at}`."""
    if not rows:
        return Waiting()
    due, seen = rows.get("respond_by"), rows.get("seen_at")
    return Waiting(respond_by=due, seen_at=seen, overdue=due is not None and due <= now)
