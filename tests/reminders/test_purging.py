"""What no phone can ask for any more is forgotten; what one can is not."""

from datetime import timedelta

from recovery_service.domain.sync_cursors import LONGEST_AWAY
from recovery_service.reminders.loop import Loop
from tests.reminders.conftest import Bench

_STONE = """
INSERT INTO tombstone (clinic_id, collection, id, patient_id, deleted_at)
VALUES (current_setting('app.clinic_id')::uuid, 'appointments', gen_random_uuid(), :patient_id, :at)
"""
_OPERATION = """
INSERT INTO sync_operation (clinic_id, id, patient_id, type, payload, received_at)
VALUES (current_setting('app.clinic_id')::uuid, gen_random_uuid(), :patient_id, 'receipt', '{}',
        :at)
"""


def test_a_worker_forgets_what_is_older_than_the_oldest_cursor(bench: Bench) -> None:
    """Planted: compared the other way round, everything goes but what is old."""
    clinic = bench.clinic()
    patient = bench.patient(clinic)
    oldest = bench.clock() - LONGEST_AWAY
    for at in (oldest - timedelta(seconds=1), oldest, bench.clock()):
        for statement in (_STONE, _OPERATION):
            bench.change(clinic.id, statement, patient_id=patient.id, at=at)
    Loop(bench.sender()).purge()
    left = bench.rows("SELECT count(deleted_at), min(deleted_at) FROM tombstone")
    assert left == [(2, oldest)]
    assert bench.rows("SELECT min(received_at) FROM sync_operation") == [(oldest,)]
