"""What a patient reports, and which of several reports counts: pure rules.

Nothing is refused here. What is odd about a report becomes an issue that is kept with
it, `{code, item?, given?}`; `given` is what the phone said where ours stands instead.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from recovery_service.domain.local_time import is_zone, local_date

CLOCK_SUSPECT = "clock_suspect"
DATE_OUT_OF_RANGE = "date_out_of_range"
ZONE_UNKNOWN = "zone_unknown"
UNKNOWN_FORM_VERSION = "unknown_form_version"
BEFORE_SURGERY = "before_surgery"
EPISODE_NOT_OPEN = "episode_not_open"

# A phone may be a day ahead by its zone alone; one that lags by a year lost its clock.
MOST_AHEAD = timedelta(hours=24)
MOST_BEHIND = timedelta(days=365)
SOURCES = ("app", "staff_phone", "sms", "caregiver")

Issue = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCheckIn:
    """A report as it came: `id`, `date`, `recorded_at` and `time_zone` are the phone's.

    `verdict` is what the phone had found by the rules it had (`{version, findings: [{rule,
    tier}]}`); it is kept beside what is found here, and changes nothing of that.
    """

    id: UUID
    date: date
    recorded_at: datetime
    time_zone: str
    form_version: str
    answers: Mapping[str, Any]
    note: str | None = None
    supersedes: UUID | None = None
    source: str = "app"
    reported_by: str | None = None
    verdict: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """Where a report belongs: its local date and zone, and what was odd about them."""

    local_date: date
    time_zone: str
    issues: tuple[Issue, ...]


class Report(Protocol):
    """A stored report, as far as it decides which one counts."""

    @property
    def id(self) -> UUID:
        """The phone's id."""
        ...

    @property
    def local_date(self) -> date:
        """The date it is about."""
        ...

    @property
    def recorded_at(self) -> datetime:
        """The phone's clock."""
        ...

    @property
    def received_at(self) -> datetime:
        """Our clock."""
        ...

    @property
    def supersedes(self) -> UUID | None:
        """The report that it corrects."""
        ...

    @property
    def issues(self) -> Sequence[Mapping[str, Any]]:
        """What was odd about it."""
        ...


AnyReport = TypeVar("AnyReport", bound=Report)


def clock_is_suspect(recorded_at: datetime, *, received_at: datetime) -> bool:
    """Say whether a phone's clock cannot be right: far ahead of ours, or a year behind."""
    ahead = recorded_at - received_at
    return ahead > MOST_AHEAD or -ahead > MOST_BEHIND


def place_report(
    new: NewCheckIn,
    *,
    received_at: datetime,
    home_zone: str,
    ahead: timedelta | None = None,
) -> Dated:
    """Return the date and zone that stand.

    The phone's date stands if it is within a day of `recorded_at` in its zone, else the
    date of `recorded_at` does. A clock that cannot be right dates nothing: ours does, set
    back by what is known to have passed since. An unknown zone is replaced by the patient's.

    `ahead` is by how much the phone's clock was found to be ahead of ours (behind, if it is
    negative), where that is so much that it is not believed.
    """
    issues: list[Issue] = []
    zone = new.time_zone
    if not is_zone(zone):
        issues.append({"code": ZONE_UNKNOWN, "given": zone})
        zone = home_zone
    reading = local_date(zone, new.recorded_at)
    if ahead is not None or clock_is_suspect(new.recorded_at, received_at=received_at):
        issues.append({"code": CLOCK_SUSPECT})
        reading = local_date(zone, _by_our_clock(new.recorded_at, received_at, ahead))
    if abs((new.date - reading).days) <= 1:
        return Dated(local_date=new.date, time_zone=zone, issues=tuple(issues))
    issues.append({"code": DATE_OUT_OF_RANGE, "given": str(new.date)})
    return Dated(local_date=reading, time_zone=zone, issues=tuple(issues))


def _by_our_clock(
    recorded_at: datetime, received_at: datetime, ahead: timedelta | None
) -> datetime:
    """Return when it was by ours: a phone tells how long ago, if it can be told how late it is."""
    if ahead is None:
        return received_at
    meant = recorded_at - ahead
    if clock_is_suspect(meant, received_at=received_at):
        return received_at
    return min(meant, received_at)


def given_date(report: Report) -> date:
    """Return the date that the phone had sent."""
    given = _given(report, DATE_OUT_OF_RANGE)
    return date.fromisoformat(given) if given else report.local_date


def given_zone(report: Report, time_zone: str) -> str:
    """Return the zone that the phone had sent, where `time_zone` stands."""
    return _given(report, ZONE_UNKNOWN) or time_zone


def _given(report: Report, code: str) -> str | None:
    found = (issue.get("given") for issue in report.issues if issue["code"] == code)
    return next(found, None)


def counted_at(report: Report) -> datetime:
    """Return the instant by which a report is newer than another."""
    suspect = any(issue["code"] == CLOCK_SUSPECT for issue in report.issues)
    return report.received_at if suspect else report.recorded_at


def standing(reports: Iterable[AnyReport]) -> tuple[AnyReport, ...]:
    """Return the reports that nobody has corrected, the oldest first.

    A correction is newer than what it corrects, so that two cannot cancel each other.
    """
    ranked = sorted(reports, key=_rank)
    ranks = {report.id: _rank(report) for report in ranked}
    corrected = {
        report.supersedes
        for report in ranked
        if report.supersedes in ranks and ranks[report.supersedes] < _rank(report)
    }
    return tuple(report for report in ranked if report.id not in corrected)


def newest_by_date(reports: Iterable[AnyReport]) -> dict[date, AnyReport]:
    """Return the one report that counts for each date, in order of the dates.

    A corrected report does not count, whatever its date.
    """
    newest = {report.local_date: report for report in standing(reports)}
    return dict(sorted(newest.items()))


def _rank(report: Report) -> tuple[datetime, datetime, UUID]:
    return counted_at(report), report.received_at, report.id
