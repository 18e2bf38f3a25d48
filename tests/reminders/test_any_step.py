"""A worker dies at any step, and a date moves meanwhile: nothing is lost, nothing repeats."""

from contextlib import suppress
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.models import (
    Episode,
    Patient,
    PlanItem,
    PlanRevision,
    RecoveryPlan,
    Schedule,
)
from recovery_service.reminders import planner
from recovery_service.reminders.work import run
from recovery_service.services.schedules import publish_schedules, replan_episode
from tests.conftest import MONDAY
from tests.factories import PatientAtHome
from tests.reminders.conftest import LEASE, Bench
from tests.reminders.plans import DAILY
from tests.reminders.power_cuts import PowerCut, power_cut_at


def publish(bench: Bench, patient: PatientAtHome, its_rule: dict[str, Any]) -> UUID:
    """Publish a plan with one item and return its lineage."""
    key = {"clinic_id": patient.clinic_id}
    now = bench.clock()
    plan, revision, lineage = uuid4(), uuid4(), uuid4()
    with bench.at_the_clinic(patient.clinic_id) as session:
        session.add(
            RecoveryPlan(
                **key,
                id=plan,
                episode_id=patient.episode_id,
                template_code="own",
                template_version=1,
                template_hash="0" * 64,
                created_at=now,
            )
        )
        session.flush()
        session.add(
            PlanRevision(
                **key,
                id=revision,
                plan_id=plan,
                number=1,
                state="live",
                effective_from=date(2026, 3, 1),
                published_at=now,
                **stamps(now),
            )
        )
        session.flush()
        item = PlanItem(
            **key,
            id=uuid4(),
            revision_id=revision,
            lineage_id=lineage,
            code="walk",
            position=0,
            kind="walking",
            title={"en": "Walk"},
            rule=its_rule,
        )
        session.add(item)
        session.flush()
        episode, person = rows_of(session, patient)
        publish_schedules(
            session, episode, person, [item], effective_from=date(2026, 3, 1), now=now
        )
    return lineage


def stamps(now: Any) -> dict[str, Any]:
    return {"created_at": now, "updated_at": now}


def rows_of(session: Session, patient: PatientAtHome) -> tuple[Episode, Patient]:
    key = patient.clinic_id
    return session.get_one(Episode, (key, patient.episode_id)), session.get_one(
        Patient, (key, patient.id)
    )


def move_discharge(bench: Bench, patient: PatientAtHome, to: date) -> None:
    with bench.at_the_clinic(patient.clinic_id) as session:
        episode, person = rows_of(session, patient)
        episode.discharge_date = to
        session.flush()
        replan_episode(session, episode, person, now=bench.clock())


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("at", range(18))
def test_promise_6_a_worker_that_dies_at_any_step_while_a_date_moves(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, at: int, moved: bool
) -> None:
    """Discharge moves back and forth between the death and the next worker, or stays.

    Planted: write deliveries in a transaction after the occurrences', or advance the
    schedule in one before them: the occurrence is lost or comes twice.
    """
    patient = bench.patient(bench.clinic())
    publish(bench, patient, DAILY | {"valid_for_minutes": 600})
    bench.channels = {"webpush": bench.phone}
    with power_cut_at(at, monkeypatch), suppress(PowerCut):
        bench.tick()
    died_sending = len(bench.phone.sent)
    for day in (date(2026, 3, 4), date(2026, 2, 28)) if moved else ():
        move_discharge(bench, patient, day)
    bench.clock.set(MONDAY + LEASE * 2)
    bench.tick()

    assert bench.occurrences() == [("20260302.morning", "due", None)]
    assert [(row[0], row[3]) for row in bench.deliveries()] == [("sent", 0)]
    assert len({message.occurrence_id for message in bench.phone.sent}) == 1
    assert len(bench.phone.sent) <= 1 + died_sending
    bench.clock.set(MONDAY + timedelta(days=1))
    bench.tick()
    assert [row[0] for row in bench.occurrences()] == ["20260302.morning", "20260303.morning"]


def test_an_unsent_reminder_moves_with_its_anchor_and_a_sent_one_stays(bench: Bench) -> None:
    patient = bench.patient(bench.clinic())
    publish(bench, patient, DAILY)
    bench.tick()
    assert len(bench.phone.sent) == 1
    move_discharge(bench, patient, date(2026, 3, 4))
    for _ in range(4):
        bench.later(days=1)
        bench.tick()
    keys = [row[0] for row in bench.occurrences()]
    assert keys == ["20260302.morning", *(f"202603{day:02}.morning" for day in (4, 5, 6))]
    assert len(bench.phone.sent) == 4


def test_a_schedule_that_an_edit_holds_is_skipped_and_then_follows_the_edit(bench: Bench) -> None:
    """Planted: claim without `SKIP LOCKED`; the loop waits for the edit, and with it everybody."""
    patient = bench.patient(bench.clinic())
    lineage = publish(bench, patient, DAILY)
    with bench.at_the_clinic(patient.clinic_id) as session:
        episode, person = rows_of(session, patient)
        episode.discharge_date = date(2026, 3, 5)
        session.flush()
        replan_episode(session, episode, person, now=bench.clock())
        assert bench.tick()["materialised"] == 0
    bench.tick()
    assert bench.occurrences() == []
    assert bench.rows("SELECT next_date FROM schedule WHERE id = :id", id=lineage) == [
        (date(2026, 3, 5),)
    ]


def test_a_schedule_revised_between_claim_and_write_is_not_overwritten(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edit waits for the batch; were it not to, the revision would still refuse it.

    Planted: claim without a lock, and advance without comparing the revision.
    """
    patient = bench.patient(bench.clinic())
    lineage = publish(bench, patient, DAILY)
    tried: list[Any] = []

    def edited_meanwhile(session: Session, text: str, values: Any) -> list[Any]:
        rows = run(session, text, values)
        if "SKIP LOCKED" in text and not tried:
            with bench.at_the_clinic(patient.clinic_id) as web:
                found = web.scalars(
                    select(Schedule).filter_by(id=lineage).with_for_update(skip_locked=True)
                )
                tried.append(found.one_or_none())
        return rows

    monkeypatch.setattr(planner, "run", edited_meanwhile)
    assert bench.tick()["materialised"] == 1
    assert tried == [None], "the batch is locked, so an edit waits"
