"""What an appointment says and when: before it, while it is to be booked, and after a move.

Days before are days of the site's calendar: what reminds at nine of a visit at nine does so
also over a change of the clocks. Hours before are hours. What would fall into the patient's
quiet hours comes before them: the day of the visit may begin in them. After them comes only
what was booked when they had begun.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta

from recovery_service.domain.appointment_rules import Reminder
from recovery_service.domain.local_time import instant, start_of_day
from recovery_service.domain.local_time import zone as zone_of
from recovery_service.domain.quiet_hours import QuietHours, quiet_since, quiet_until

OFFSETS = (7 * 24 * 60, 24 * 60, 120)
NOTICE = "-0"

_DAY_MINUTES = 24 * 60
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_NUDGE_AT = 10 * 60
_LAST_CALL = timedelta(days=3)
# Room for a second try before the quiet hours begin.
_ROOM = 15


def visit_reminders(
    starts_at: datetime,
    offsets: Iterable[int] = OFFSETS,
    *,
    site_zone: str,
    zone: str,
    quiet: QuietHours,
    now: datetime | None = None,
) -> list[Reminder]:
    """Return the reminders of a booked appointment in order; each expires at its start.

    `offsets` are whole minutes before `starts_at`, an aware instant on a whole minute;
    `zone` and `quiet` are the patient's. What is still ahead `now`, but would have to be said
    before quiet hours that have begun, is said after them. The start is part of `occ_key`: a
    moved appointment has new reminders, and one that is moved back has its old ones again.
    Raises ValueError.
    """
    if starts_at.tzinfo is None or starts_at.second or starts_at.microsecond:
        raise ValueError("an appointment starts at an aware instant on a whole minute")
    start = starts_at.astimezone(UTC)
    return sorted(
        (
            Reminder(
                f"{start:%Y%m%dT%H%MZ}-{offset}",
                _clear_of_quiet(_counted_back(start, offset, site_zone), quiet, zone, now=now),
                start,
            )
            for offset in sorted(set(offsets), reverse=True)
        ),
        key=lambda each: each.due_at,
    )


def booking_nudges(
    window_from: date, window_to: date, *, not_before: date, zone: str
) -> list[Reminder]:
    """Return what is said while an appointment is to be booked, at 10:00 of the patient's day.

    When the window opens, at half of it, and three days before its last day if that is later
    still; on or after `not_before` (discharge), at most one a day. They expire with the window.
    Their keys are the day on which the window opens and the stage, 1 to 3.
    """
    half = window_from + (window_to - window_from) // 2
    days = (window_from, half, window_to - _LAST_CALL)
    expires = start_of_day(zone, window_to + _DAY)
    found: list[Reminder] = []
    last = date.min
    for stage, planned in enumerate(days, 1):
        day = max(planned, not_before)
        due = instant(zone, day.toordinal(), _NUDGE_AT)
        if day > last and due is not None and due < expires:
            found.append(Reminder(f"{window_from:%Y%m%d}T0000Z-{stage}", due, expires))
            last = day
    return found


def notice(
    expires_at: datetime, *, now: datetime, zone: str, quiet: QuietHours, taken: Collection[str]
) -> Reminder | None:
    """Return the one notice that an appointment has changed; None when that comes too late.

    It is due now or when the quiet hours are over. Its key is the minute of the change, so
    that one that moves to and fro has a notice of each move; `taken` keys are not used again.
    """
    due = _after_quiet(now, quiet, zone)
    if due >= expires_at:
        return None
    stamp = now.astimezone(UTC)
    while (key := f"{stamp:%Y%m%dT%H%MZ}{NOTICE}") in taken:
        stamp += _MINUTE
    return Reminder(key, due, expires_at)


def is_notice(occ_key: str) -> bool:
    """Say whether a key is that of a notice of a change."""
    return occ_key.endswith(NOTICE)


def still_to_say(
    reminders: Iterable[Reminder],
    *,
    now: datetime,
    zone: str,
    quiet: QuietHours,
    already: Collection[str],
    owed: Collection[str],
) -> tuple[Reminder, ...]:
    """Return those of the reminders that are still to be said, in order of time.

    What was said stands (`already`), and what had passed when the appointment was booked is
    not made up for. What was `owed` before an edit, and would now be past, is due at once or
    when the quiet hours are over, if that is before it expires.
    """
    late = _after_quiet(now, quiet, zone)
    found = []
    for each in reminders:
        if each.occ_key in already:
            continue
        if now < each.due_at < each.expires_at:
            found.append(each)
        elif each.occ_key in owed and late < each.expires_at:
            found.append(each._replace(due_at=late))
    return tuple(sorted(found, key=lambda each: each.due_at))


def _counted_back(start: datetime, offset: int, site_zone: str) -> datetime:
    if offset <= 0:
        raise ValueError("an appointment's reminder comes before it")
    days, rest = divmod(offset, _DAY_MINUTES)
    if rest == 0:
        local = start.astimezone(zone_of(site_zone))
        due = instant(site_zone, local.toordinal() - days, local.hour * 60 + local.minute)
        if due is not None:
            return due
    return start - timedelta(minutes=offset)


def _clear_of_quiet(
    due: datetime, quiet: QuietHours, zone: str, *, now: datetime | None
) -> datetime:
    earlier = _before_quiet(due, quiet, zone)
    too_early = now is not None and earlier <= now < due
    return _after_quiet(due, quiet, zone) if too_early else earlier


def _before_quiet(due: datetime, quiet: QuietHours, zone: str) -> datetime:
    loud = (quiet.begins - quiet.ends) % _DAY_MINUTES
    room = timedelta(minutes=min(_ROOM, loud))
    while (begins := quiet_since(quiet, zone, due)) is not None:
        due = begins - room
    return due


def _after_quiet(now: datetime, quiet: QuietHours, zone: str) -> datetime:
    due = now.astimezone(UTC).replace(second=0, microsecond=0)
    while (ends := quiet_until(quiet, zone, due)) is not None:
        due = ends
    return due
