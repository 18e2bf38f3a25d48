"""Appointments: which states follow which, and what a state says at an instant."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

STATES = ("to_book", "booked", "attended", "missed", "cancelled", "outcome_unknown")
OUTCOMES = frozenset({"attended", "missed"})
RESPONSES = ("confirm", "request_change", "booked_elsewhere")
"""What a patient says of an appointment: it is known, another time is needed, or it is booked
with somebody else. Staff stay in charge: none of them changes the state."""
MODES = ("in_person", "phone", "video")
USUAL_MINUTES = 30

# A mistaken outcome can be corrected; what happened does not become what is to happen.
_NEXT: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "to_book": frozenset({"booked", "cancelled"}),
        "booked": frozenset({"to_book", "attended", "missed", "cancelled"}),
        "attended": frozenset({"missed", "cancelled"}),
        "missed": frozenset({"attended", "cancelled"}),
        "cancelled": frozenset({"to_book", "booked"}),
        "outcome_unknown": frozenset({"booked", "attended", "missed", "cancelled"}),
    }
)


def may_become(state: str, wanted: str) -> bool:
    """Tell whether staff may change an appointment from one state to another."""
    return wanted == state or wanted in _NEXT[state]


def answers(response: str) -> str:
    """Return the state in which an appointment takes a patient's response."""
    return "to_book" if response == "booked_elsewhere" else "booked"


def state_at(state: str, starts_at: datetime | None, *, now: datetime) -> str:
    """Return the state as it reads now: booked and over without an outcome is unknown."""
    over = starts_at is not None and starts_at <= now
    return "outcome_unknown" if state == "booked" and over else state
