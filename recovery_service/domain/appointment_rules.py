"""The rule of an appointment's reminders: single instants, where a plan item has a calendar.

It stands beside `recurrence_rules.Rule`, so that a schedule of either kind is claimed,
expanded, held and ended by the same code.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import dropwhile
from typing import Any, ClassVar, NamedTuple, Self

from recovery_service.domain.local_time import zone as zone_of
from recovery_service.domain.recurrence_rules import InvalidRule

APPOINTMENT = "appointment"


class Reminder(NamedTuple):
    """One thing to say once; `due_at` and `expires_at` are aware instants in UTC."""

    occ_key: str
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class AppointmentRule:
    """What one appointment still has to say, in order of time; raises `InvalidRule`.

    `quiet` and `priority` are those of its kind, which differs while it is to be booked.
    """

    reminders: tuple[Reminder, ...]
    quiet: str
    priority: int
    remind_via: str = "push"

    identity: ClassVar[str] = APPOINTMENT
    # After downtime the latest of them speaks, while the appointment is still ahead.
    catch_up: ClassVar[str] = "latest"

    def __post_init__(self) -> None:
        dues = [each.due_at for each in self.reminders]
        if not dues or dues != sorted(dues):
            raise InvalidRule("/reminders", "must be in order of time, at least one")
        if any(each.expires_at <= each.due_at for each in self.reminders):
            raise InvalidRule("/reminders", "must expire after they are due")

    def shown_from(
        self, zone: str, local_date: date, minute: int
    ) -> Iterator[tuple[Reminder, date, int]]:
        """Yield the reminders from a place on a wall clock on, each with its own place."""
        shown = ((each, each.due_at.astimezone(zone_of(zone))) for each in self.reminders)
        placed = ((each, at.date(), at.hour * 60 + at.minute) for each, at in shown)
        # In a night that has an hour twice the wall clock runs back: from the first one that
        # fits, all that follow. One too many is met again by its key, one too few is lost.
        yield from dropwhile(lambda spot: (spot[1], spot[2]) < (local_date, minute), placed)

    @classmethod
    def parse(cls, mapping: Mapping[str, Any]) -> Self:
        """Read the JSON form; raises `InvalidRule`."""
        try:
            reminders = tuple(
                Reminder(each["key"], _instant(each["due_at"]), _instant(each["expires_at"]))
                for each in mapping["reminders"]
            )
            manner = {name: mapping[name] for name in ("quiet", "priority", "remind_via")}
            return cls(reminders=reminders, **manner)
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidRule("/reminders", "has the wrong form") from error

    def as_json(self) -> dict[str, Any]:
        """Return the one canonical JSON form; `parse` reads it back to an equal rule."""
        return {
            "identity": self.identity,
            "reminders": [
                {
                    "key": each.occ_key,
                    "due_at": _text(each.due_at),
                    "expires_at": _text(each.expires_at),
                }
                for each in self.reminders
            ],
            "remind_via": self.remind_via,
            "quiet": self.quiet,
            "priority": self.priority,
        }

    def hash(self) -> str:
        """Return the SHA-256 of the canonical form in hex."""
        canonical = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise InvalidRule("/reminders", "must be aware instants")
    return found.astimezone(UTC)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
