"""`kill -9` of a worker that is posting to an integrator: no event is lost, repeats are known."""

import json
from collections import Counter

from recovery_service.clock import ManualClock, SystemClock
from recovery_service.database import transaction
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.extensions import parts
from recovery_service.services.webhooks import NewWebhook, add_webhook
from tests.chaos.conftest import Ward, eventually
from tests.conftest import running_app, settings_for
from tests.factories import make_clinic, make_patient
from tests.fakes.http_server import HttpFake, Received, Reply

PATIENTS = 8


class Hospital(HttpFake):
    """A receiver that takes everything."""

    def answer(self, request: Received) -> Reply:  # noqa: ARG002 - it takes everything
        return Reply(204)


def register(postgres: EmbeddedPostgres, database: str, url: str) -> list[str]:
    """Register patients of a clinic that tells the receiver so; return their ids."""
    clock = ManualClock(SystemClock()())
    with running_app(settings_for(postgres, database), clock) as app, app.app_context():
        clinic = make_clinic(now=clock())
        new = NewWebhook(url=url, events=["patient.registered"])
        with transaction(clinic.id) as session:
            add_webhook(session, parts().keys, clinic.actor("admin"), new, now=clock())
        return [str(make_patient(clinic, now=clock()).id) for _ in range(PATIENTS)]


def test_what_a_killed_worker_had_in_hand_arrives_with_the_ids_it_had(
    ward: Ward, postgres: EmbeddedPostgres, own_database: str
) -> None:
    """Planted: claim only what is ready, and what the dead had in hand never arrives."""
    with Hospital() as hospital:
        registered = register(postgres, own_database, f"{hospital.origin}/hook")
        hospital.reply = Reply(mode="hang")
        worker = ward.start()
        eventually(lambda: hospital.received, "a first event is on its way")
        worker.kill()
        in_hand = {each.headers["webhook-id"] for each in hospital.received}
        hospital.reply = None
        ward.start()
        eventually(lambda: len(hospital.accepted) >= PATIENTS, "all events are taken")
        unsettled = "SELECT count(*) FROM webhook_delivery WHERE state <> 'sent'"
        eventually(lambda: ward.count(unsettled) == 0, "all events are settled")
        took = Counter(each.headers["webhook-id"] for each in hospital.accepted)
        told = [json.loads(each.body)["data"]["id"] for each in hospital.accepted]
    assert sorted(set(told)) == sorted(registered)
    assert in_hand <= took.keys()
    assert len(took) == PATIENTS
