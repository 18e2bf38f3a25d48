"""Events to integrators: written with what happened, sent signed, at least once.

Defects planted, each seen red: those that the tests name; a secret sealed to the clinic alone.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from socket import AF_INET, SOCK_STREAM
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from recovery_service.clock import SystemClock
from recovery_service.domain.occurrence_ids import encode
from recovery_service.domain.webhook_events import EVENTS
from recovery_service.models import Episode, Patient
from recovery_service.reminders import notices
from recovery_service.reminders.channels.events import Events, EventSettings
from recovery_service.reminders.webhooks import KEPT, LIFE, PATIENCE
from recovery_service.services import alerts, webhooks
from recovery_service.services.episodes import hold_episode, release_episode
from recovery_service.services.webhooks import NewWebhook
from tests.factories import ClinicWithStaff, PatientAtHome
from tests.fakes.http_server import HttpFake, Received, Reply
from tests.reminders.conftest import LEASE, Bench
from tests.reminders.plans import rule
from tests.reports import report
from tests.standard_webhooks import verified


class Hospital(HttpFake):
    """A receiver that takes everything; the tests verify what it got."""

    def answer(self, request: Received) -> Reply:  # noqa: ARG002 - it takes everything
        return Reply(204)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(each.body) for each in self.accepted]

    @property
    def types(self) -> list[str]:
        return sorted(each["type"] for each in self.events)

    @property
    def ids(self) -> list[str]:
        return [each.headers["webhook-id"] for each in self.received]


@pytest.fixture
def hospital() -> Iterator[Hospital]:
    with Hospital() as receiver:
        yield receiver


@pytest.fixture
def channel() -> Iterator[Events]:
    """Return what events are sent through; private addresses are let in for the receiver."""
    made = Events(EventSettings(allow_private_endpoints=True))
    yield made
    made.close()


@pytest.fixture
def clinic(bench: Bench) -> ClinicWithStaff:
    return bench.clinic()


@pytest.fixture
def patient(bench: Bench, clinic: ClinicWithStaff) -> PatientAtHome:
    return bench.patient(clinic)


def subscribe(
    bench: Bench, clinic: ClinicWithStaff, hospital: Hospital, *events: str
) -> tuple[UUID, str]:
    """Register the receiver for types of events, all by default; return its id and secret."""
    new = NewWebhook(url=f"{hospital.origin}/hook", events=events or list(EVENTS))
    with bench.at_the_clinic(clinic.id) as session:
        made = webhooks.add_webhook(
            session, bench.sender().keys, clinic.actor("admin"), new, now=bench.clock()
        )
    return made.endpoint.id, made.secret


def check_in(bench: Bench, patient: PatientAtHome, **answers: Any) -> None:
    with bench.web.app_context():
        report(patient, now=bench.clock(), **answers)


def fates(bench: Bench) -> list[Any]:
    return bench.rows(
        "SELECT type, state, reason, attempts FROM webhook_delivery ORDER BY created_at, id"
    )


def endpoint(bench: Bench) -> Any:
    (row,) = bench.rows("SELECT failing_since, disabled_reason, version FROM webhook_endpoint")
    return row


def test_every_type_of_the_registry_has_its_triggers_and_no_trigger_another(bench: Bench) -> None:
    """Planted: a type of the registry that nothing writes."""
    rows = bench.rows(
        "SELECT encode(tgargs, 'escape') FROM pg_trigger WHERE tgname LIKE 'webhook%'"
    )
    assert {args.removesuffix("\\000") for (args,) in rows} == EVENTS.keys()


def test_a_check_in_and_its_alert_are_told_signed_and_say_nothing(
    bench: Bench, channel: Events, clinic: ClinicWithStaff, patient: PatientAtHome,
    hospital: Hospital,
) -> None:  # fmt: skip
    """Planted: the answers in the data; a signature over the body alone."""
    _, secret = subscribe(bench, clinic, hospital, "check_in.recorded", "alert.raised")
    check_in(bench, patient, saddle_numb=True)
    bench.tick(webhooks=channel)
    assert hospital.types == ["alert.raised", "check_in.recorded"]
    with bench.at_the_clinic(clinic.id) as session:
        check_in_id, alert_id = session.execute(
            text("SELECT c.id, a.id FROM check_in c CROSS JOIN alert a")
        ).one()
    told = {each["type"]: each for each in hospital.events}
    at = "2026-03-02T09:00:00Z"
    assert told["check_in.recorded"] == {
        "type": "check_in.recorded",
        "timestamp": at,
        "data": {"id": str(check_in_id), "episode_id": str(patient.episode_id)},
    }
    assert told["alert.raised"]["data"] == {"id": str(alert_id)}
    now = SystemClock()().timestamp()
    for each in hospital.received:
        assert verified(secret, each.headers, each.body, now=now)
        assert not verified(secret, each.headers, each.body + b" ", now=now)
        assert not verified(secret, each.headers, each.body, now=now + 301)
        words = each.readable().lower()
        for health in ("numb", "ces", "emergency", "tier", "test patient", "answers"):
            assert health not in words
    assert {row[1:] for row in fates(bench)} == {("sent", None, 1)}


def test_what_happens_to_alerts_and_episodes_is_told(
    bench: Bench, channel: Events, clinic: ClinicWithStaff, hospital: Hospital
) -> None:
    subscribe(bench, clinic, hospital)
    patient, actor, now = bench.patient(clinic), clinic.actor(), bench.clock()
    check_in(bench, patient, saddle_numb=True)
    with bench.at_the_clinic(clinic.id) as session:
        ((alert_id,),) = bench.rows("SELECT id FROM alert")
        alerts.acknowledge(session, actor, UUID(str(alert_id)), None, now=now)
        episode = session.get_one(Episode, (clinic.id, patient.episode_id))
        person = session.get_one(Patient, (clinic.id, patient.id))
        hold_episode(session, actor, episode, person, reason="x", held_from=None, now=now)
        release_episode(session, actor, episode, person, on=None, now=now)
    bench.tick(webhooks=channel)
    assert hospital.types == [
        "alert.acknowledged",
        "alert.raised",
        "check_in.recorded",
        "episode.held",
        "episode.opened",
        "episode.released",
        "patient.registered",
    ]
    held = next(each for each in hospital.events if each["type"] == "episode.held")
    assert held["data"].keys() == {"id", "patient_id", "version"}


def test_what_the_worker_itself_finds_missed_is_told_with_the_id_of_the_api(
    bench: Bench, channel: Events, clinic: ClinicWithStaff, patient: PatientAtHome,
    hospital: Hospital,
) -> None:  # fmt: skip
    subscribe(bench, clinic, hospital, "occurrence.missed")
    lineage = bench.plan(patient, rule())
    bench.tick(webhooks=channel)
    bench.later(days=1)
    bench.tick(webhooks=channel)
    bench.tick(webhooks=channel)
    missed = [key for key, state, _ in bench.occurrences(lineage) if state == "missed"]
    assert missed
    assert [each["data"] for each in hospital.events] == [
        {"id": encode(lineage, key), "episode_id": str(patient.episode_id)} for key in missed
    ]


def test_what_was_rolled_back_is_not_told_and_where_nobody_subscribed_nothing_is_written(
    bench: Bench, channel: Events, clinic: ClinicWithStaff, patient: PatientAtHome,
    hospital: Hospital,
) -> None:  # fmt: skip
    """Planted: triggers that write for every clinic."""
    subscribe(bench, clinic, hospital, "episode.held", "message.received")
    with bench.at_the_clinic(clinic.id) as session:
        undone = session.begin_nested()
        episode = session.get_one(Episode, (clinic.id, patient.episode_id))
        person = session.get_one(Patient, (clinic.id, patient.id))
        now = bench.clock()
        hold_episode(session, clinic.actor(), episode, person, reason="x", held_from=None, now=now)
        assert session.scalar(text("SELECT count(*) FROM webhook_delivery")) == 1
        undone.rollback()
    stranger = bench.clinic()
    check_in(bench, bench.patient(stranger), saddle_numb=True)  # of another clinic
    check_in(bench, patient)  # of a type that nobody asked for
    bench.tick(webhooks=channel)
    assert (fates(bench), hospital.received) == ([], [])


def test_an_event_that_is_not_taken_is_tried_again_under_its_id(
    bench: Bench, channel: Events, clinic: ClinicWithStaff, patient: PatientAtHome,
    hospital: Hospital,
) -> None:  # fmt: skip
    """Planted: an id for each attempt; Retry-After not heard."""
    _, secret = subscribe(bench, clinic, hospital, "check_in.recorded")
    hospital.reply = Reply(503, headers={"Retry-After": "600"})
    check_in(bench, patient)
    bench.tick(webhooks=channel)
    assert fates(bench) == [("check_in.recorded", "ready", "status_503", 1)]
    since, *_ = endpoint(bench)
    assert since == bench.clock()
    bench.later(seconds=599)
    bench.tick(webhooks=channel)
    assert len(hospital.received) == 1
    hospital.reply = Reply(404)
    bench.later(seconds=20)
    bench.tick(webhooks=channel)
    hospital.reply = None
    bench.later(minutes=2)
    bench.tick(webhooks=channel)
    first, second, third = hospital.received
    assert len(set(hospital.ids)) == 1
    assert first.body == second.body == third.body
    assert verified(secret, third.headers, third.body, now=SystemClock()().timestamp())
    assert fates(bench) == [("check_in.recorded", "sent", None, 3)]
    assert endpoint(bench)[:2] == (None, None)


def test_what_a_worker_that_died_had_sent_comes_again_under_the_same_id(
    bench: Bench, channel: Events, clinic: ClinicWithStaff, patient: PatientAtHome,
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Planted: a claim that leaves alone what a lease has run out of."""
    subscribe(bench, clinic, hospital, "check_in.recorded")
    check_in(bench, patient)

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(notices, "_settle", die)
        with pytest.raises(KeyboardInterrupt):
            bench.tick(webhooks=channel)
    bench.tick(webhooks=channel)
    assert len(hospital.received) == 1  # its lease still runs
    bench.clock.advance(LEASE)
    bench.tick(webhooks=channel)
    assert len(hospital.received) == 2
    assert len(set(hospital.ids)) == 1
    assert fates(bench) == [("check_in.recorded", "sent", None, 2)]


def test_workers_side_by_side_send_each_event_once(
    bench: Bench, channel: Events, clinic: ClinicWithStaff, hospital: Hospital
) -> None:
    """Planted: a claim that does not look at when."""
    subscribe(bench, clinic, hospital, "patient.registered")
    for _ in range(12):
        bench.patient(clinic)
    with ThreadPoolExecutor(3) as workers:
        list(workers.map(lambda _: bench.tick(webhooks=channel, chunk=2), range(6)))
    assert len(hospital.ids) == len(set(hospital.ids)) == 12


def test_both_secrets_sign_for_a_day_after_one_was_changed(
    bench: Bench, channel: Events, clinic: ClinicWithStaff, patient: PatientAtHome,
    hospital: Hospital,
) -> None:  # fmt: skip
    """Planted: the old secret dropped at once; kept for ever."""
    webhook_id, old = subscribe(bench, clinic, hospital, "check_in.recorded")
    with bench.at_the_clinic(clinic.id) as session:
        _, new = webhooks.rotate_secret(
            session, bench.sender().keys, clinic.actor("admin"), webhook_id, now=bench.clock()
        )
    assert old != new
    check_in(bench, patient)
    bench.tick(webhooks=channel)
    bench.later(days=1)
    check_in(bench, patient)
    bench.tick(webhooks=channel)
    during, after = hospital.received
    now = SystemClock()().timestamp()
    trusted = [
        [verified(secret, each.headers, each.body, now=now) for secret in (old, new)]
        for each in (during, after)
    ]
    assert trusted == [[True, True], [False, True]]


def test_an_endpoint_that_fails_for_days_is_disabled_and_says_so(
    bench: Bench, channel: Events, clinic: ClinicWithStaff, patient: PatientAtHome,
    hospital: Hospital,
) -> None:  # fmt: skip
    """Planted: the first failure disables; no failure ever does."""
    subscribe(bench, clinic, hospital, "check_in.recorded")
    hospital.reply = Reply(500)
    check_in(bench, patient)
    bench.tick(webhooks=channel)
    bench.clock.advance(LIFE)
    bench.tick(webhooks=channel)
    assert fates(bench) == [("check_in.recorded", "dead", "status_500", 2)]
    check_in(bench, patient)
    bench.tick(webhooks=channel)
    assert endpoint(bench)[1] is None
    bench.clock.advance(PATIENCE - LIFE)
    check_in(bench, patient)
    bench.tick(webhooks=channel)
    assert endpoint(bench)[1] == "failing"
    bench.later(hours=1)
    check_in(bench, patient)  # is not written down any more
    asked = len(hospital.received)
    bench.tick(webhooks=channel)
    assert len(hospital.received) == asked
    assert {(state, reason) for _, state, reason, _ in fates(bench)[1:]} == {
        ("dropped", "disabled")
    }
    assert len(fates(bench)) == 3


def test_who_answers_that_it_is_gone_is_told_nothing_more(
    bench: Bench, channel: Events, clinic: ClinicWithStaff, patient: PatientAtHome,
    hospital: Hospital,
) -> None:  # fmt: skip
    subscribe(bench, clinic, hospital, "check_in.recorded")
    hospital.reply = Reply(410)
    check_in(bench, patient)
    bench.tick(webhooks=channel)
    assert fates(bench) == [("check_in.recorded", "dead", "gone", 1)]
    assert endpoint(bench)[1] == "gone"


def test_a_redirect_is_not_followed(
    bench: Bench, channel: Events, clinic: ClinicWithStaff, patient: PatientAtHome,
    hospital: Hospital,
) -> None:  # fmt: skip
    subscribe(bench, clinic, hospital, "check_in.recorded")
    with Hospital() as elsewhere:
        hospital.reply = Reply(307, headers={"Location": f"{elsewhere.origin}/inside"})
        check_in(bench, patient)
        bench.tick(webhooks=channel)
        assert elsewhere.received == []
    assert fates(bench) == [("check_in.recorded", "ready", "status_307", 1)]


@pytest.mark.parametrize("address", ["10.0.0.8", "127.0.0.1", "169.254.169.254"])
def test_a_name_that_leads_inside_by_now_is_not_connected_to(
    bench: Bench, clinic: ClinicWithStaff, patient: PatientAtHome, hospital: Hospital,
    address: str,
) -> None:  # fmt: skip
    """Planted: a channel that lets private addresses in."""
    webhook_id, _ = subscribe(bench, clinic, hospital, "check_in.recorded")
    bench.change(
        clinic.id,
        "UPDATE webhook_endpoint SET url = 'https://hooks.example/x' WHERE id = :id",
        id=webhook_id,
    )

    def resolve(_host: str, port: int) -> list[Any]:
        return [(int(AF_INET), int(SOCK_STREAM), 0, "", (address, port))]

    guarded = Events(EventSettings(resolve=resolve))
    check_in(bench, patient)
    bench.tick(webhooks=guarded)
    guarded.close()
    assert fates(bench) == [("check_in.recorded", "dead", "unsafe_endpoint", 1)]


def test_what_was_deleted_is_told_nothing_and_old_events_are_forgotten(
    bench: Bench, channel: Events, clinic: ClinicWithStaff, patient: PatientAtHome,
    hospital: Hospital,
) -> None:  # fmt: skip
    webhook_id, _ = subscribe(bench, clinic, hospital, "check_in.recorded")
    check_in(bench, patient)
    with bench.at_the_clinic(clinic.id) as session:
        webhooks.delete_webhook(session, clinic.actor("admin"), webhook_id, now=bench.clock())
    check_in(bench, patient)
    bench.tick(webhooks=channel)
    assert hospital.received == []
    assert fates(bench) == [("check_in.recorded", "dropped", "deleted", 1)]
    assert bench.rows("SELECT url, sealed FROM webhook_endpoint") == [(None, None)]
    bench.clock.advance(KEPT)
    bench.tick(webhooks=channel)
    assert fates(bench) == []


def test_a_secret_opens_in_its_own_row_only(
    bench: Bench, channel: Events, clinic: ClinicWithStaff, patient: PatientAtHome,
    hospital: Hospital,
) -> None:  # fmt: skip
    subscribe(bench, clinic, hospital, "check_in.recorded")
    subscribe(bench, clinic, hospital, "message.received")
    bench.change(
        clinic.id,
        "UPDATE webhook_endpoint e SET sealed = o.sealed FROM webhook_endpoint o"
        " WHERE o.id <> e.id AND 'check_in.recorded' = ANY (e.events)",
    )
    check_in(bench, patient)
    bench.tick(webhooks=channel)
    assert hospital.received == []
    assert fates(bench) == [("check_in.recorded", "dropped", "secret_unreadable", 1)]


def test_without_a_way_to_send_events_wait_for_another_worker(
    bench: Bench, clinic: ClinicWithStaff, patient: PatientAtHome, hospital: Hospital
) -> None:
    subscribe(bench, clinic, hospital, "check_in.recorded")
    check_in(bench, patient)
    bench.tick()
    assert fates(bench) == [("check_in.recorded", "ready", None, 0)]
