"""The demo: made once, found again, and every promise of its file of sign-ins kept."""

import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pyotp
import pytest

from recovery_service.embedded_postgres import EmbeddedPostgres
from tests.e2e.callers import Browser, Caller
from tests.e2e.installation import SCRIPT, free_port
from tests.openapi import quick_start
from tests.openapi.tools import run_node

_READY = "Ctrl-C stops everything."
# On two idle cores the second start takes half of it; the suite shares them with other tests.
_SECOND_START_SECONDS = 30


@contextmanager
def running(folder: Path, port: int) -> Iterator[float]:
    """Start the demo and wait until it says where to go; yield the seconds that took."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [SCRIPT, "demo", "--port", f"{port}", "--folder", folder],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    impatient = Timer(150, process.kill)
    impatient.start()
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if _READY in line:
                break
        else:
            pytest.fail("the demo did not open: " + "".join(said))
        impatient.cancel()  # what asks it from here on has a patience of its own
        yield time.monotonic() - begun
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(60) == 0
    finally:
        impatient.cancel()
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        process.stdout.close()


def test_the_demo_opens_is_usable_and_opens_again_on_the_same_data() -> None:
    """To plant: a clinic made anew at each start; codes that were used; a lost password."""
    folder = Path(tempfile.mkdtemp(prefix="demo-test-")) / "demo"
    port = free_port()
    try:
        with running(folder, port):
            known = json.loads((folder / "credentials.json").read_text())
            assert (folder / "credentials.json").stat().st_mode & 0o077 == 0
            assert len(known["patients"]) == 11  # and one who is rung up
            _everybody_signs_in(known)
            _a_phone_gets_in(known)
            _the_quick_start_leads_to_a_completed_reminder(known, folder)
            _the_typescript_client_lives_its_first_day(known)
            before = _patients(known)
        with running(folder, port) as seconds:
            again = json.loads((folder / "credentials.json").read_text())
            assert again["staff"] == known["staff"]
            assert [each["id"] for each in again["patients"]] == [
                each["id"] for each in known["patients"]
            ]
            _a_phone_gets_in(again)
            assert _patients(again) == before
            assert seconds < _SECOND_START_SECONDS
    finally:
        EmbeddedPostgres(folder / "postgres").remove()
        shutil.rmtree(folder.parent)


def _everybody_signs_in(known: dict[str, Any]) -> None:
    for member in known["staff"]:
        seed = member.get("totp_secret")
        otp = pyotp.TOTP(seed).now() if seed else None
        body = {"email": member["email"], "password": member["password"], "otp": otp}
        Caller(known["base_url"]).post("/staff/tokens", body)
    nora = known["staff"][0]
    page = Browser(known["base_url"]).sign_in(nora["email"], nora["password"])
    for patient in known["patients"]:
        assert patient["name"] in page


def _a_phone_gets_in(known: dict[str, Any]) -> None:
    patient = known["patients"][0]
    device = {
        "id": "0b8f4f5c-52c4-4f1f-9d2f-0c6f3f2d9f10",
        "name": "An integrator's phone",
        "platform": "ios",
        "time_zone": "Europe/London",
        "locale": "en",
        "app_version": "1.0.0",
    }
    tokens = Caller(known["base_url"]).post(
        "/enrolments",
        {
            "code": patient["enrolment_code"],
            "date_of_birth": patient["date_of_birth"],
            "device": device,
            "consents": [{"document": "privacy", "version": "1"}],
        },
    )
    me = Caller(known["base_url"], tokens["access_token"]).get("/me")
    assert me["profile"]["id"] == patient["id"]
    assert me["episode"]["procedure"] == patient["procedure"]


def _the_quick_start_leads_to_a_completed_reminder(known: dict[str, Any], folder: Path) -> None:
    """To plant: a command whose answer is a 422; an occurrence that another device completes."""
    place = folder.parent / "first hour"
    place.mkdir()
    said = quick_start.follow(known["base_url"], folder / "credentials.json", place)
    assert quick_start.count_of_curls() == 10
    assert said[0] == "ok"
    assert int(said[1]) > 0
    assert said[3:5] == ["done", "200"]
    assert said[5] in {"watched", "out_of_hours"}
    assert said[6:] == ["seen by the physiotherapist: done"]


def _the_typescript_client_lives_its_first_day(known: dict[str, Any]) -> None:
    """To plant: a client that sends no token; problems that are read as answers."""
    patient = known["patients"][7]
    told = (patient["enrolment_code"], patient["date_of_birth"])
    happened = json.loads(run_node("tests/first_day.ts", known["base_url"], *told))
    assert happened["without"] == [401, "not_authenticated"]
    assert happened["zone"] == [422, "Not an IANA time zone."]
    assert happened["patient"] == [patient["id"], patient["id"]]
    asked, acted, state = happened["occurrence"]
    assert (acted, state) == (asked, "done")
    first, again = happened["actions"]
    assert first == again
    assert happened["reused"] == [409, "client_id_reused", first]
    assert happened["advice"][0] == "emergency"
    assert happened["monitoring"] in {"watched", "out_of_hours"}


def _patients(known: dict[str, Any]) -> set[str]:
    nora = known["staff"][0]
    body = {"email": nora["email"], "password": nora["password"]}
    token = Caller(known["base_url"]).post("/staff/tokens", body)["access_token"]
    items = Caller(known["base_url"], token).get("/patients?limit=50")["items"]
    assert len(items) == 12
    return {each["id"] if "id" in each else each["patient"]["id"] for each in items}
