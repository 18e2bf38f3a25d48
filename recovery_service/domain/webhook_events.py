"""What integrators can be told of: the types of events, and where each one's object is read.

An event says that something happened, to which object and when; what it is says the API.
"""

from collections.abc import Mapping
from typing import NamedTuple


class EventType(NamedTuple):
    """What happened, and the path below `/api/v1` at which the integrator reads the object.

    The names in braces are those of the event's `data`.
    """

    told: str
    read_at: str


EVENTS: Mapping[str, EventType] = {
    "check_in.recorded": EventType("A check-in was stored", "/episodes/{episode_id}/check-ins"),
    "alert.raised": EventType("An alert was raised", "/alerts/{id}"),
    "alert.worsened": EventType("An alert became more pressing", "/alerts/{id}"),
    "alert.acknowledged": EventType("Somebody looked at an alert", "/alerts/{id}"),
    "alert.resolved": EventType("An alert was resolved", "/alerts/{id}"),
    "alert.reopened": EventType("A resolved alert was opened again", "/alerts/{id}"),
    "occurrence.missed": EventType(
        "Something planned was not answered in time", "/episodes/{episode_id}/occurrences"
    ),
    "episode.opened": EventType("An episode began", "/episodes/{id}"),
    "episode.held": EventType("An episode was put on hold", "/episodes/{id}"),
    "episode.released": EventType("An episode goes on", "/episodes/{id}"),
    "episode.ended": EventType("An episode ended", "/episodes/{id}"),
    "plan.published": EventType("A revision of a plan is live", "/episodes/{episode_id}/plan"),
    "appointment.changed": EventType(
        "An appointment was made, changed, cancelled or answered",
        "/episodes/{episode_id}/appointments",
    ),
    "message.received": EventType("A patient wrote", "/episodes/{episode_id}/messages"),
    "patient.registered": EventType("A patient was registered", "/patients/{id}"),
}

#: What `POST /webhooks/{id}/test` sends; nobody subscribes to it.
TEST = "webhook.test"
