"""Where a recovery stands, over HTTP: what staff read plainly and patients calmly.

Planted, each red: the patient told `behind`; values of the operation before; reports before
surgery in a milestone; a correction that changes nothing; a statement for each report; a hold
that breaks a row; the caution shown to patients.
"""

from collections.abc import Callable, Iterable
from contextvars import Context
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import CheckIn, Episode, Occurrence
from tests.api.test_me import counted_statements
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import ClinicWithStaff, PatientAtHome, make_patient
from tests.plan_rows import Item, materialise, plan_item

pytestmark = pytest.mark.usefixtures("app_context")

SURGERY = date(2026, 2, 27)
HOME = date(2026, 3, 1)
Both = Callable[[], tuple[dict[str, Any], dict[str, Any]]]


def tell(patient: PatientAtHome, days: Iterable[int], **answers: Any) -> list[UUID]:
    """Store one report for each day since surgery and return their ids."""
    more = {name: answers.pop(name) for name in ("episode_id", "supersedes") if name in answers}
    ids = []
    with transaction(patient.clinic_id) as session:
        for day in days:
            on = SURGERY + timedelta(days=day)
            at = datetime(on.year, on.month, on.day, 8 + 4 * ("supersedes" in more), tzinfo=UTC)
            ids.append(uuid4())
            report = {
                "episode_id": patient.episode_id, "local_date": on, "recorded_at": at,
                "received_at": at, "time_zone": "Europe/London", "form_version": "1",
                "answers": answers,
            }  # fmt: skip
            session.add(CheckIn(clinic_id=patient.clinic_id, id=ids[-1], **report | more))
    return ids


def change(patient: PatientAtHome, **values: Any) -> None:
    with transaction(patient.clinic_id) as session:
        wanted = update(Episode).where(Episode.id == patient.episode_id)
        session.execute(wanted.values(**values))


@pytest.fixture
def patient(clinic: ClinicWithStaff) -> PatientAtHome:
    return make_patient(clinic, now=MONDAY)


@pytest.fixture
def read(client: FlaskClient, clinic: ClinicWithStaff, patient: PatientAtHome) -> Both:
    """Return what the patient and the clinic read."""

    def both() -> tuple[dict[str, Any], dict[str, Any]]:
        own = Caller(client, patient.bearer)("GET", "/me/progress")
        seen = Caller(client, clinic.bearer)("GET", f"/episodes/{patient.episode_id}/progress")
        assert (own.status_code, seen.status_code) == (200, 200)
        return own.json, seen.json

    return both


@pytest.fixture
def day(clock: ManualClock) -> Callable[[int], None]:
    """Let it be noon of a day since surgery."""

    def set_to(days: int) -> None:
        clock.set(MONDAY + timedelta(days=days - 3))

    return set_to


def leg(progress: dict[str, Any]) -> dict[str, Any]:
    return next(each for each in progress["series"] if each["item"] == "nrs_leg")


def test_behind_is_told_to_staff_and_is_no_alarm_to_the_patient(
    patient: PatientAtHome, read: Both, day: Callable[[int], None]
) -> None:
    tell(patient, range(36, 50), nrs_leg=6)
    day(49)
    own, seen = read()
    assert (seen["status"], seen["reason"]) == ("behind", "above_corridor")
    assert seen["sentence"] == (
        "Leg pain: Above the expected 0.3 to 4.9 for 2 weeks in a row;"
        " the median of the last 7 days is 6."
    )
    assert (own["status"], leg(own)["standing"]["status"]) == ("discuss", "discuss")
    assert "behind" not in str(own)
    assert own["sentence"].endswith("says nothing about warning signs.")


def test_one_week_alone_is_not_behind(
    patient: PatientAtHome, read: Both, day: Callable[[int], None]
) -> None:
    tell(patient, range(36, 43), nrs_leg=5)
    tell(patient, range(43, 50), nrs_leg=6)
    day(49)
    assert (read()[1]["status"], read()[1]["reason"]) == ("on_track", "one_week_outside")


def test_the_own_baseline_comes_first(
    patient: PatientAtHome, read: Both, day: Callable[[int], None]
) -> None:
    change(patient, baseline={"nrs_leg": 8})
    tell(patient, range(36, 50), nrs_leg=2)
    day(49)
    own, seen = read()
    baseline = leg(seen)["standing"]["own_baseline"]
    assert (baseline["before"], baseline["now"], baseline["change"]) == (8, 2, -6)
    assert baseline["verdict"] == "better"
    assert seen["sentence"].startswith("Leg pain: 8 before the operation, 2 in the last 7 days")
    assert [each["code"] for each in leg(own)["references"]] == ["disc_leg_change", "disc_leg"]
    [year] = leg(own)["references"][0]["course"]
    assert (year["day"], year["value"], year["label"]) == (365, pytest.approx(3.6), "found")


def test_worse_than_before_is_a_number_to_the_patient(
    patient: PatientAtHome, read: Both, day: Callable[[int], None]
) -> None:
    change(patient, baseline={"nrs_leg": 1})
    tell(patient, range(36, 50), nrs_leg=5)
    day(49)
    own, seen = read()
    assert leg(seen)["standing"]["own_baseline"]["verdict"] == "worse"
    assert leg(own)["standing"]["own_baseline"]["verdict"] == "discuss"
    assert "worse" not in str(own)


def test_each_point_of_the_course_says_where_it_is_from(patient: PatientAtHome, read: Both) -> None:
    tell(patient, [2], nrs_leg=3)
    own, seen = read()
    [reference] = leg(seen)["references"]
    points = {each["day"]: each for each in reference["course"]}
    assert points[90]["label"] == "found"
    assert (points[90]["low"], points[90]["high"]) == pytest.approx((0.11, 4.13))
    assert points[49]["label"] == "interpolated"
    assert (min(points), max(points)) == (42, 730)
    assert reference["before_surgery"] == {"mean": 7.05, "deviation": 2.21}
    assert "does not name the disease" in reference["caution"]
    assert reference["sources"] == ["PMC7887235 table 3"]
    assert leg(own)["references"][0]["caution"] is None


def test_what_was_remembered_has_no_band_and_judges_nobody(
    client: FlaskClient, clinic: ClinicWithStaff, day: Callable[[int], None]
) -> None:
    patient = make_patient(clinic, now=MONDAY, procedure="lumbar_fusion_mis")
    tell(patient, range(80, 101), nrs_back=9)
    day(100)
    seen = Caller(client, clinic.bearer)("GET", f"/episodes/{patient.episode_id}/progress").json
    assert (seen["status"], seen["reason"]) == ("no_reference", "no_corridor")
    [series] = seen["series"]
    assert {each["label"] for each in series["references"][0]["course"]} == {
        "memory", "interpolated",
    }  # fmt: skip
    assert all(each["high"] is None for each in series["references"][0]["course"])


def test_nothing_crosses_a_second_operation(
    patient: PatientAtHome, read: Both, day: Callable[[int], None], clinic: ClinicWithStaff
) -> None:
    other = make_patient(clinic, now=MONDAY)
    earlier = uuid4()
    with transaction(clinic.id) as session:
        episode = session.get_one(Episode, (clinic.id, patient.episode_id))
        key = {"clinic_id": clinic.id, "patient_id": patient.id, "site_id": episode.site_id}
        ended = {"state": "ended", "end_reason": "superseded", "ended_on": HOME}
        session.add(
            Episode(
                **key, **ended, id=earlier, procedure=episode.procedure, surgery_date=SURGERY,
                discharge_date=HOME, created_at=MONDAY, updated_at=MONDAY,
            )
        )  # fmt: skip
    tell(patient, range(36, 43), nrs_leg=9, walk_min=60, episode_id=earlier)
    tell(other, range(36, 50), nrs_leg=9, walk_min=60)
    tell(patient, range(43, 50), nrs_leg=6)
    day(49)
    _, seen = read()
    assert (seen["status"], seen["reason"]) == ("too_early", "one_week_only")
    assert [point["median"] for point in leg(seen)["points"]] == [6] * 7
    assert all(each["reached_on"] is None for each in seen["milestones"][:1])


def test_an_unknown_surgery_date_compares_nothing(
    patient: PatientAtHome, read: Both, day: Callable[[int], None]
) -> None:
    tell(patient, range(36, 50), nrs_leg=6)
    change(patient, surgery_date=None)
    day(49)
    _, seen = read()
    assert (seen["status"], seen["reason"]) == ("no_reference", "no_surgery_date")
    assert leg(seen)["references"] == []


def milestones(progress: dict[str, Any]) -> dict[str, str | None]:
    return {each["code"]: each["reached_on"] for each in progress["milestones"]}


def test_milestones_have_their_dates(
    patient: PatientAtHome, read: Both, day: Callable[[int], None]
) -> None:
    tell(patient, range(-2, 0), walk_min=90)
    tell(patient, range(2, 4), walk_min=10, opioid_doses=2)
    tell(patient, range(4, 12), walk_min=30, opioid_doses=0)
    day(12)
    own, seen = read()
    assert milestones(own) == milestones(seen) == {
        "walked_30_minutes": "2026-03-03",
        "week_of_check_ins": "2026-03-07",
        "week_without_opioids": "2026-03-09",
    }  # fmt: skip
    assert own["milestones"][0]["title"] == "30 minutes of walking in a day"


def test_a_correction_takes_a_milestone_back(
    patient: PatientAtHome, read: Both, day: Callable[[int], None]
) -> None:
    [told] = tell(patient, [4], walk_min=300)
    day(6)
    assert milestones(read()[0])["walked_30_minutes"] == "2026-03-03"
    tell(patient, [4], walk_min=3, supersedes=told)
    assert milestones(read()[0])["walked_30_minutes"] is None


def test_a_report_of_tomorrow_is_no_milestone_yet(
    patient: PatientAtHome, read: Both, day: Callable[[int], None]
) -> None:
    tell(patient, [5], walk_min=30)
    day(4)
    assert milestones(read()[0])["walked_30_minutes"] is None
    day(5)
    assert milestones(read()[0])["walked_30_minutes"] == "2026-03-04"


@pytest.fixture
def weeks(patient: PatientAtHome, clock: ManualClock) -> Item:
    """Return three weeks of two exercises a day: all done, none done, all done."""
    item = plan_item(patient, now=MONDAY)
    materialise(item, now=clock.advance(timedelta(days=22)))
    with transaction(item.clinic_id) as session:
        for first, state, reason in ((0, "done", None), (7, "missed", "not_answered"),
                                     (14, "done", None)):  # fmt: skip
            begins = HOME + timedelta(days=first)
            wanted = Occurrence.local_date.between(begins, begins + timedelta(days=6))
            values = {"state": state, "reason": reason, "closed_at": MONDAY}
            session.execute(update(Occurrence).where(wanted).values(**values))
    return item


def test_a_hold_freezes_the_weeks_on_target(
    patient: PatientAtHome, read: Both, weeks: Item
) -> None:
    found = read()[0]["weeks_on_target"]
    assert (found["met"], found["counted"], found["in_a_row"]) == (2, 3, 1)
    held = datetime(2026, 3, 9, 12, tzinfo=UTC)
    change(patient, held_at=held, held_from=date(2026, 3, 8),
           released_at=held + timedelta(days=4))  # fmt: skip
    found = read()[0]["weeks_on_target"]
    assert (found["met"], found["counted"], found["frozen"]) == (2, 2, 1)
    assert found["in_a_row"] == 2


def test_it_costs_the_same_statements_however_long_the_history(
    client: FlaskClient, patient: PatientAtHome, day: Callable[[int], None], weeks: Item
) -> None:
    """The look-up of the token, the episode, the patient, the reports, the outcomes."""
    counts = []
    for days in ([3], range(4, 120)):
        tell(patient, days, nrs_leg=3, nrs_back=4, walk_min=20, opioid_doses=0)
        day(120)
        headers = patient.bearer()
        sent: list[str] = []
        with counted_statements(lambda _, query, kept=sent: kept.append(str(query))):
            answer = Context().run(client.get, "/api/v1/me/progress", headers=headers)
        assert answer.status_code == 200
        counts.append(len([each for each in sent if "set_config" not in each]))
    assert counts == [5, 5]
