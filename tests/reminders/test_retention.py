"""What is kept for a while is taken away by the worker, and nothing before."""

from datetime import timedelta
from secrets import token_bytes

from sqlalchemy import func, select

from recovery_service.database import transaction
from recovery_service.models import AnsweredRequest
from recovery_service.reminders.loop import Loop, tick_once
from tests.factories import PatientAtHome
from tests.reminders.conftest import Bench

KEPT = timedelta(days=30)


def answer(bench: Bench, patient: PatientAtHome, *, ago: timedelta) -> None:
    began = bench.clock() - ago
    with bench.web.app_context(), transaction(patient.clinic_id) as session:
        session.add(
            AnsweredRequest(
                clinic_id=patient.clinic_id,
                actor_id=patient.id,
                key_hash=token_bytes(32),
                request_hash=token_bytes(32),
                answer=token_bytes(64),
                created_at=began,
                expires_at=began + KEPT,
            )
        )


def left(bench: Bench, patient: PatientAtHome) -> int:
    with bench.web.app_context(), transaction(patient.clinic_id) as session:
        return session.scalar(select(func.count()).select_from(AnsweredRequest)) or 0


def test_an_answer_is_forgotten_after_thirty_days_and_no_sooner(bench: Bench) -> None:
    """Planted: `<` turned round; a batch that ends the work although more is left."""
    patient, moment = bench.patient(bench.clinic()), timedelta(seconds=1)
    for ago in (KEPT, KEPT + moment, KEPT + timedelta(days=9)):
        answer(bench, patient, ago=ago)
    for ago in (KEPT - moment, timedelta(0)):
        answer(bench, patient, ago=ago)
    loop = Loop(bench.sender(), batch=2)
    assert (loop.purge(), left(bench, patient)) == (3, 2)
    assert (loop.purge(), left(bench, patient)) == (0, 2)
    assert loop.figures()["since_start"]["purged"] == 3
    bench.clock.advance(moment)
    assert (tick_once(bench.sender())["purged"], left(bench, patient)) == (1, 1)
