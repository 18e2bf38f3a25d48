"""When an appointment reminds: counted back from its start, in absolute time."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID


class AppointmentReminder(NamedTuple):
    """One reminder of one appointment at one time; `due_at` and `expires_at` are in UTC.

    The start is part of `occ_key`: a moved appointment has new reminders, and one that
    is moved back has its old ones again, of which those sent stay sent.
    """

    appointment_id: UUID
    offset: int
    due_at: datetime
    expires_at: datetime
    occ_key: str


def appointment_reminders(
    appointment_id: UUID, starts_at: datetime, offsets: Iterable[int], after: datetime
) -> list[AppointmentReminder]:
    """Return the reminders due later than `after`, in order.

    `offsets` are whole minutes before `starts_at`, an aware instant on a whole minute;
    every reminder expires when the appointment starts. Raises ValueError.
    """
    if starts_at.tzinfo is None or starts_at.second or starts_at.microsecond:
        raise ValueError("an appointment starts at an aware instant on a whole minute")
    start = starts_at.astimezone(UTC)
    reminders = [_reminder(appointment_id, start, offset) for offset in set(offsets)]
    return sorted((r for r in reminders if r.due_at > after), key=lambda r: r.due_at)


def _reminder(appointment_id: UUID, start: datetime, offset: int) -> AppointmentReminder:
    if offset <= 0:
        raise ValueError("an appointment's reminder comes before it")
    key = f"{start:%Y%m%dT%H%MZ}-{offset}"
    return AppointmentReminder(
        appointment_id, offset, start - timedelta(minutes=offset), start, key
    )
