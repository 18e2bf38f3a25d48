"""Between a phone and the application: answers get lost, requests come twice or out of order."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from recovery_service.database import transaction
from recovery_service.models import (
    AdviceResponse,
    AppointmentResponse,
    CheckIn,
    Message,
    OccurrenceAction,
    SyncOperation,
)
from tests.calls import Caller
from tests.factories import PatientAtHome
from tests.syncing_phones import AnswerLost, SyncingPhone

STORED: dict[str, Any] = {
    "check_in": CheckIn,
    "message": Message,
    "occurrence_action": OccurrenceAction,
    "advice_response": AdviceResponse,
    "appointment_response": AppointmentResponse,
    "preferences": SyncOperation,
}


class Network:
    """Between one phone and the service; counts what the service says it has created."""

    def __init__(self, call: Caller) -> None:
        self._call = call
        self.created: list[tuple[str, str]] = []
        self.trouble, self.turn = "", 0

    def send(self, body: dict[str, Any]) -> tuple[int, Any]:
        """Send, perhaps twice or in another order; the answer may get lost on its way."""
        done = body["operations"]
        if self.trouble == "reordered":
            self.turn += 1
            body = body | {"operations": [*done[self.turn % 3 :], *done[: self.turn % 3]][::-1]}
        for _ in range(2 if self.trouble == "repeated" else 1):
            answer = self._call("POST", "/me/sync", json=body)
            told = answer.get_json(force=True)
            assert answer.status_code == 200, told
            for each in told["results"]:
                assert each.get("code") != "internal_error", each
                if each["status"] == "created":
                    self.created.append((each["type"], each["id"]))
        if self.trouble == "lost":
            raise AnswerLost
        return 200, told


def nothing_lost_nothing_twice(
    patient: PatientAtHome,
    phones: Sequence[SyncingPhone],
    nets: Sequence[Network],
    shown: set[str],
) -> None:
    """Check what phones were told against the rows; `shown` are the rejected that staff see."""
    created = [each for net in nets for each in net.created]
    assert len(created) == len(set(created)), "nothing is done twice"
    results = [each for phone in phones for each in phone.results.values()]
    taken = {(r["type"], r["id"]) for r in results if r["status"] in ("created", "duplicate")}
    assert taken == set(created), "what is acknowledged was done"
    with transaction(patient.clinic_id) as session:
        for kind, model in STORED.items():
            rows = {str(each) for each in session.scalars(select(model.id))}
            assert {key for name, key in created if name == kind} <= rows, kind
        reports = {str(each) for each in session.scalars(select(CheckIn.id))}
    assert reports == {key for name, key in created if name == "check_in"}
    rejected = {r["id"] for r in results if (r["type"], r["status"]) == ("check_in", "rejected")}
    assert shown == rejected
