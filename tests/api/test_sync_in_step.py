"""Whatever patients and staff do, in any order and over any network: phones end up in step.

Hypothesis makes up the weeks. `RECOVERY_SYNC_WEEKS` is how many (3 in the suite),
`RECOVERY_LIFE_STEPS` how eventful each. The oracle is a phone that begins anew: the copy of
every other equals its own.
"""

import os
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import psycopg
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.exc import IntegrityError

from recovery_service.clock import ManualClock
from recovery_service.database import transaction
from recovery_service.models import Appointment, Device
from tests.calls import Caller
from tests.conftest import MONDAY
from tests.factories import PatientAtHome, make_clinic, make_patient
from tests.syncing_phones import AnswerLost, SyncingPhone, driver_url, reported
from tests.troubled_network import Network, nothing_lost_nothing_twice

WEEKS = int(os.environ.get("RECOVERY_SYNC_WEEKS", "3"))
STEPS = int(os.environ.get("RECOVERY_LIFE_STEPS", "18"))
MOST_SYNCS = 4

which = st.integers(0, 2)
picks = st.integers(0, 20)


class WeekWithoutNetwork(RuleBasedStateMachine):
    """Three phones of one patient, and staff who go on working."""

    client: ClassVar[FlaskClient]
    clock: ClassVar[ManualClock]
    dsn: ClassVar[str]

    @initialize()
    def begin(self) -> None:
        self.clock.set(MONDAY)
        clinic = make_clinic(now=MONDAY)
        self.patient = make_patient(clinic, now=MONDAY)
        self.staff = Caller(self.client, clinic.bearer)
        self.episode = f"/episodes/{self.patient.episode_id}"
        self._ask("POST", f"{self.episode}/plan", {})
        self._ask("POST", f"{self.episode}/plan/publish", {})
        self.slow = uuid4()
        key = {"clinic_id": clinic.id, "patient_id": self.patient.id}
        others = [PatientAtHome(clinic.id, self.patient.id, self.patient.episode_id, uuid4())
                  for _ in range(2)]  # fmt: skip
        with transaction(clinic.id) as session:
            session.add_all(
                Device(**key, id=each.device_id, platform="webpush", time_zone="Europe/London",
                       locale="en", last_seen_at=MONDAY, created_at=MONDAY)
                for each in others
            )  # fmt: skip
            session.add(self._visit(self.slow, clinic.site_id, key))
            self.gone: UUID | None = uuid4()
            session.add(self._visit(self.gone, clinic.site_id, key, state="cancelled"))
        self.nets = [Network(Caller(self.client, it.bearer)) for it in (self.patient, *others)]
        self.phones = [SyncingPhone(it.send, lambda: self.clock().isoformat()) for it in self.nets]
        self.rejected: set[str] = set()
        self.writer: psycopg.Connection[Any] | None = None
        self.texts = 0
        for phone in self.phones:
            phone.sync()

    def _visit(
        self, key: Any, site: Any, whose: dict[str, Any], state: str = "booked"
    ) -> Appointment:
        """Return a visit; a cancelled one has no reminders, so that it can be deleted alone."""
        return Appointment(
            **whose, id=key, episode_id=self.patient.episode_id, site_id=site, kind="visit",
            title={"en": "Visit"}, state=state, starts_at=MONDAY + timedelta(days=40),
            minutes=30, created_at=MONDAY, updated_at=MONDAY,
        )  # fmt: skip

    def _ask(self, method: str, path: str, body: Any = None, *also: int) -> Any:
        answer = self.staff(method, path, json=body)
        assert answer.status_code in (200, 201, 204, *also), answer.get_data(as_text=True)
        return answer.get_json(silent=True)

    def _do(self, phone: int, kind: str, **payload: Any) -> str:
        return self.phones[phone].do(kind, **payload)

    # --- the patient, on a phone without a network -------------------------------------------

    @rule(minutes=st.sampled_from([1, 20, 300, 1440]))
    def time_passes(self, minutes: int) -> None:
        self.clock.set(self.clock() + timedelta(minutes=minutes))

    @rule(phone=which, late=st.sampled_from([0, 1, 26, 70]), pain=st.integers(0, 11),
          numb=st.booleans(), corrects=st.booleans())  # fmt: skip
    def reports(self, phone: int, late: int, pain: int, *, numb: bool, corrects: bool) -> None:
        """Eleven is more pain than there is: that report is rejected."""
        answers = {"nrs_back": pain, "wound": "dry"} | ({"saddle_numb": True} if numb else {})
        held = [each["id"] for each in self.phones[phone].copy["check_ins"].values()]
        queued = [each["id"] for each in self.phones[phone].queue if each["type"] == "check_in"]
        more = {"supersedes": max(held + queued)} if corrects and held + queued else {}
        at = self.clock() - timedelta(hours=late)
        made = self._do(phone, "check_in", **reported(at, answers=answers, **more))
        if pain > 10:
            self.rejected.add(made)

    @rule(phone=which, place=picks, back=st.integers(0, 90),
          action=st.sampled_from(["complete", "skip", "snooze", "reopen"]))  # fmt: skip
    def taps(self, phone: int, place: int, back: int, action: str) -> None:
        items = self.phones[phone].documents["agenda"]["items"]
        if items:
            at = self.clock() - timedelta(minutes=back)
            self._do(
                phone, "occurrence_action", occurrence_id=items[place % len(items)]["id"],
                action=action, at=at.isoformat(),
            )  # fmt: skip

    @rule(phone=which, failover=st.sampled_from(["none", None]))
    def prefers(self, phone: int, failover: str | None) -> None:
        self._do(phone, "preferences", preferences={"failover": failover})

    @rule(phone=which, urgent=st.booleans())
    def writes(self, phone: int, *, urgent: bool) -> None:
        self.texts += 1
        text = "Since noon I can't pee at all" if urgent else f"Question {self.texts}"
        self._do(phone, "message", text=text, written_at=self.clock().isoformat())

    @rule(phone=which, place=picks)
    def answers_advice(self, phone: int, place: int) -> None:
        if known := sorted(self.phones[phone].copy["advice"]):
            chosen = known[place % len(known)]
            self._do(phone, "advice_response", advice_id=chosen, response="called")

    @rule(phone=which, place=picks)
    def answers_an_invitation(self, phone: int, place: int) -> None:
        known = sorted(set(self.phones[phone].copy["appointments"]) - {str(self.slow)})
        if known:
            chosen = known[place % len(known)]
            self._do(phone, "appointment_response", appointment_id=chosen, response="confirm")

    @rule(phone=which)
    def opens_something_unknown(self, phone: int) -> None:
        at = self.clock().isoformat()
        self._do(phone, "receipt", notification_id="nothing", event="opened", at=at)

    @rule(phone=which, trouble=st.sampled_from(["", "lost", "repeated", "reordered"]))
    def connects(self, phone: int, trouble: str) -> None:
        self.nets[phone].trouble = trouble
        with suppress(AnswerLost):
            self.phones[phone].sync()

    # --- staff -------------------------------------------------------------------------------

    @rule(place=picks, hours=st.integers(1, 90))
    def staff_move_a_visit(self, place: int, hours: int) -> None:
        """Book one, or move one that was booked."""
        when = {"starts_at": (self.clock() + timedelta(hours=hours)).isoformat(), "minutes": 30}
        listed = self._ask("GET", f"{self.episode}/appointments")["items"]
        booked = sorted(
            each["id"] for each in listed
            if each["state"] == "booked" and each["id"] not in (str(self.slow), str(self.gone))
        )  # fmt: skip
        if booked and place % 2:
            self._ask("PATCH", f"/appointments/{booked[place % len(booked)]}", when)
        else:
            self._ask("POST", f"{self.episode}/appointments", when | {"kind": "visit"})

    @rule()
    def staff_acknowledge(self) -> None:
        for each in self._ask("GET", f"{self.episode}/alerts")["items"]:
            self._ask("POST", f"/alerts/{each['id']}/acknowledge", None, 409)

    @rule(hold=st.booleans())
    def staff_hold_or_release(self, *, hold: bool) -> None:
        name = "hold" if hold else "release"
        self._ask("POST", f"{self.episode}/{name}", {"reason": "Readmitted"}, 409)

    @rule(place=picks)
    def staff_change_the_plan(self, place: int) -> None:
        draft = self._ask("POST", f"{self.episode}/plan", {}, 409)["draft"]
        item = draft["items"][place % len(draft["items"])]
        self.texts += 1
        title = {"title": {"en": f"Changed {self.texts}", "tr": f"Changed {self.texts}"}}
        self._ask("PATCH", f"{self.episode}/plan/items/{item['id']}", title)
        self._ask("POST", f"{self.episode}/plan/publish", {})

    @rule(withdrawn=st.booleans())
    def staff_reply(self, *, withdrawn: bool) -> None:
        body = {"id": str(uuid4()), "text": "We have read it."}
        made = self._ask("POST", f"{self.episode}/messages", body)
        self._ask("POST", f"{self.episode}/messages/read", {"up_to": made["number"]})
        if withdrawn:
            self._ask("POST", f"/messages/{made['id']}/withdraw")

    @precondition(lambda self: self.gone is not None)
    @rule()
    def a_visit_is_deleted(self) -> None:
        with transaction(self.patient.clinic_id) as session:
            row = session.get_one(Appointment, (self.patient.clinic_id, self.gone))
            with suppress(IntegrityError), session.begin_nested():  # it has been answered
                session.delete(row)
        self.gone = None

    @precondition(lambda self: self.writer is None)
    @rule()
    def somebody_begins_to_write(self) -> None:
        """And commits only later: what begins before a snapshot and ends after it."""
        self.texts += 1
        self.writer = psycopg.connect(self.dsn)
        clinic = str(self.patient.clinic_id)
        self.writer.execute("SELECT set_config('app.clinic_id', %s, false)", [clinic])
        values = [f"Room {self.texts}", self.slow]
        self.writer.execute("UPDATE appointment SET location = %s WHERE id = %s", values)

    @precondition(lambda self: self.writer is not None)
    @rule()
    def somebody_commits(self) -> None:
        assert self.writer is not None
        self.writer.commit()
        self.writer.close()
        self.writer = None

    # --- what has to hold --------------------------------------------------------------------

    @rule()
    def all_are_in_step(self) -> None:
        """After everybody has synced, all copies are one, and what was said holds."""
        for net in self.nets:
            net.trouble = ""
        for phone in self.phones:
            for _ in range(MOST_SYNCS):
                phone.sync()
                if not phone.queue:
                    break
            assert phone.queue == []
        for phone, net in zip(self.phones, self.nets, strict=True):
            phone.sync()
            fresh = SyncingPhone(net.send, phone.clock)
            assert fresh.sync()["resync"] is True
            assert phone.copy == fresh.copy
            assert phone.documents == fresh.documents
            again = phone.sync()
            assert not any(again["changes"].values()), "nothing comes twice"
            assert again["tombstones"] == []
        shown = self._ask("GET", f"{self.episode}/rejected-reports?limit=100")["items"]
        seen = {each["operation_id"] for each in shown}
        assert self.rejected <= seen, "what was rejected is shown to staff"
        nothing_lost_nothing_twice(self.patient, self.phones, self.nets, seen)

    def teardown(self) -> None:
        """Whatever the week was, it ends in step."""
        if not hasattr(self, "phones"):
            return
        if self.writer is not None:
            self.somebody_commits()
        self.all_are_in_step()


def test_phones_end_up_in_step_whatever_the_week_was(
    app: Flask, client: FlaskClient, clock: ManualClock, app_context: None
) -> None:
    """Staff and three phones, each over a network that loses, repeats and reorders.

    Planted: with tombstones left out a phone kept a visit that was gone.
    """
    WeekWithoutNetwork.client, WeekWithoutNetwork.clock = client, clock
    WeekWithoutNetwork.dsn = driver_url(app, "SQLALCHEMY_DATABASE_URI")
    run_state_machine_as_test(
        WeekWithoutNetwork,
        settings=settings(
            max_examples=WEEKS,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.generate, *[Phase.shrink] * ("RECOVERY_SHRINK" in os.environ)),
            suppress_health_check=list(HealthCheck),
        ),
    )
