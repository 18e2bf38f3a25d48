"""One pass of the loop: a due schedule becomes a reminder that arrives."""

from datetime import timedelta

from recovery_service.domain.keys import Keys
from recovery_service.domain.notification_ids import decode
from recovery_service.domain.occurrence_ids import decode as decode_occurrence
from tests.conftest import SECRET
from tests.factories import make_patient
from tests.reminders.conftest import Bench
from tests.reminders.plans import rule, schedule


def test_a_due_schedule_becomes_a_reminder_that_arrives(bench: Bench) -> None:
    clinic = bench.clinic()
    with bench.web.app_context():
        patient = make_patient(clinic, now=bench.clock(), locale="tr-TR")
    with bench.at_the_clinic(clinic.id) as session:
        lineage = schedule(session, patient, rule(), now=bench.clock())

    counts = bench.tick()

    assert (counts["materialised"], counts["sent"]) == (1, 2)
    (message,) = bench.phone.sent
    assert decode_occurrence(message.occurrence_id) == (lineage, "20260302.morning")
    assert decode(Keys(SECRET), clinic.id, message.delivery_id) > 0
    assert message.ttl == 2 * 60 * 60
    assert message.language == "tr"
    assert bench.occurrences() == [("20260302.morning", "due", None)]
    assert bench.deliveries() == [("sent", None, 1, 0)]
    assert bench.rows("SELECT next_due_at FROM schedule") == [(bench.clock() + timedelta(days=1),)]


def test_a_second_pass_finds_nothing_to_do(bench: Bench) -> None:
    clinic = bench.clinic()
    with bench.web.app_context():
        patient = make_patient(clinic, now=bench.clock())
    with bench.at_the_clinic(clinic.id) as session:
        schedule(session, patient, rule(), now=bench.clock())
    bench.tick()
    assert +bench.tick() == {}
    assert len(bench.phone.sent) == 1
