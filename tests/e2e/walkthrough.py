"""What a clinic does, from a discharge date to a physiotherapist who sees it: step by step.

`make walkthrough` runs it against a web server and a worker of its own, on a database of its
own, with a push provider that decrypts what it is sent. The same steps are a test.
"""

import secrets
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from recovery_service.clock import SystemClock
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.reminders.channels.vapid import new_private_key
from tests.e2e.callers import Browser, Caller
from tests.e2e.installation import Installation
from tests.fakes.push_provider import PushProvider

EMAIL, PASSWORD = "nora@alderwick.example", "seven quiet herons at dusk"
BORN = "1980-05-17"
LATEST = timedelta(seconds=5)
# What the steps before the reminder may take on a busy machine.
_PREPARATION = timedelta(seconds=15)
_QUIET_SECONDS = 4
_DAY = timedelta(days=1)
_ZONES = (
    "Europe/London",
    "America/Sao_Paulo",
    "America/Los_Angeles",
    "Pacific/Auckland",
    "Asia/Tokyo",
    "Asia/Karachi",
)
_clock = SystemClock()


class Walkthrough:
    """One clinic, one patient, one day; each step needs those before it."""

    def __init__(
        self, place: Installation, provider: PushProvider, say: Callable[[str], object]
    ) -> None:
        self._place = place
        self._provider = provider
        self._say = say
        self._zone = daytime_zone(_clock())
        self._today = _clock().astimezone(ZoneInfo(self._zone)).date()
        self._physio = self._phone = Caller(place.origin)
        self._browser = Browser(place.origin)
        self._patient_id = self._episode_id = self._code = ""
        self._item: dict[str, Any] = {}
        self._due: dict[str, Any] = {}

    def walk(self) -> None:
        """Do it all."""
        self._open_clinic()
        self._sign_in()
        self._approve()
        self._register()
        self._plan()
        self._enrol()
        self._open_app()
        self._be_reminded()
        self._do_it()
        self._check_in()
        self._see_both()
        self._move_discharge()
        self._say("Done: the whole path works.")

    def _open_clinic(self) -> None:
        self._say("The operator opens the clinic and lets its first physiotherapist in.")
        self._place.run(
            *("staff", "add", "--new-clinic", "Alderwick Spine Clinic", "--country", "GB"),
            *("--time-zone", "Europe/London", "--email", EMAIL, "--name", "Nora Whitfield"),
            *("--role", "physiotherapist", "--role", "admin", "--password-stdin"),
            typed=f"{PASSWORD}\n",
        )

    def _sign_in(self) -> None:
        self._say("The physiotherapist signs in, by the API and with a browser.")
        signed = self._physio.post("/staff/tokens", {"email": EMAIL, "password": PASSWORD})
        self._physio = Caller(self._place.origin, signed["access_token"])
        self._browser.sign_in(EMAIL, PASSWORD)
        self._say("The clinic lets each reminder of this day ring by itself.")
        loud = {"bundle": 0, "budget": [{"pushes": 20}]}
        self._physio.call("PATCH", "/clinic", {"reminder_defaults": loud})

    def _approve(self) -> None:
        found = self._physio.get("/content-approvals")
        read = []
        for piece in found["items"]:
            assert piece["state"] == "unapproved"
            whole = self._physio.get(f"/content-approvals/{piece['kind']}/{piece['code']}")
            read.append({name: whole[name] for name in ("kind", "code", "content_hash")})
        register = self._physio.post("/content-approvals", {"pieces": read})
        assert {each["state"] for each in register["items"]} == {"approved"}
        self._say(f"The physiotherapist reads and approves {len(read)} pieces of content, by hash.")

    def _register(self) -> None:
        surgery, discharge = self._today - 3 * _DAY, self._today
        made = self._physio.post(
            "/patients",
            {
                "name": "Rosa Lindqvist",
                "date_of_birth": BORN,
                "time_zone": self._zone,
                "locale": "en",
                "episode": {
                    "procedure": "lumbar_microdiscectomy",
                    "levels": ["L4-5"],
                    "surgery_date": f"{surgery}",
                    "discharge_date": f"{discharge}",
                    "baseline": {"nrs_leg": 8},
                },
            },
        )
        self._patient_id, self._code = made["patient"]["id"], made["enrolment_code"]
        self._episode_id = made["patient"]["episode"]["id"]
        self._say(f"A patient is registered: operated on {surgery}, home on {discharge}.")

    def _plan(self) -> None:
        plan = f"/episodes/{self._episode_id}/plan"
        draft = self._physio.post(plan, {})["draft"]
        self._say(f"The plan is drafted from its template: {len(draft['items'])} items.")
        self._item = next(
            each
            for each in draft["items"]
            if each["kind"] == "physiotherapy"
            and each["rule"]["from_day"] <= 3 <= (each["rule"].get("to_day") or 3)
        )
        at = next_minute(_clock() + _PREPARATION).astimezone(ZoneInfo(self._zone))
        slots = {"morning": f"{at:%H:%M}"}
        self._physio.call("PATCH", f"{plan}/items/{self._item['id']}", {"rule": {"slots": slots}})
        self._say(f"One item is edited: “{self._item['title']['en']}”, today at {at:%H:%M}.")
        live = self._physio.post(f"{plan}/publish", {}, expect=200)["live"]
        assert live["number"] == 1
        self._say("The plan is published: it may reach the patient now.")

    def _enrol(self) -> None:
        device_id = str(uuid4())
        device = {
            "id": device_id,
            "name": "Rosa's phone",
            "platform": "webpush",
            "time_zone": self._zone,
            "locale": "en",
            "app_version": "1.0.0",
        }
        tokens = self._phone.post(
            "/enrolments",
            {
                "code": self._code,
                "date_of_birth": BORN,
                "device": device,
                "consents": [{"document": "privacy", "version": "1"}],
            },
        )
        self._phone = Caller(self._place.origin, tokens["access_token"])
        self._say("The phone redeems the code from the discharge sheet.")
        key = self._phone.get("/me")["vapid_public_key"]
        told = {name: device[name] for name in ("platform", "time_zone", "locale", "app_version")}
        self._phone.call(
            "PUT",
            f"/me/devices/{device_id}",
            told | {"permission": "granted", "subscription": self._provider.subscribe(key)},
        )
        self._say("It subscribes to Web Push, bound to the service's key.")

    def _open_app(self) -> None:
        me = self._phone.get("/me")
        assert me["plan_state"] == "active"
        assert me["episode"]["days_since_surgery"] == 3
        assert me["monitoring"]["state"] == "not_monitored"
        agenda = self._agenda()
        self._due = next(
            each
            for each in agenda
            if each["title"] == self._item["title"]["en"]
            and each["local_date"] == f"{self._today}"
            and each["slot"] == "morning"
        )
        assert self._due["state"] == "upcoming"
        self._say(f"The app opens: {len(me['due_today'])} things today, {len(agenda)} in a week.")

    def _be_reminded(self) -> None:
        due = datetime.fromisoformat(self._due["due_at"])
        wait = (due - _clock()).total_seconds()
        assert wait > 0, "the steps before the reminder took too long"
        self._say(f"Waiting {wait:.0f} s for the reminder …")
        push = self._wait_for_push(due + LATEST)
        late = datetime.fromtimestamp(push["at"], UTC) - due
        assert timedelta(0) <= late <= LATEST, f"the reminder came {late} after its time"
        line = push["payload"]["line"]
        assert self._due["title"] not in str(push["payload"]), "a push says what is to be done"
        self._say(f"The reminder came {late.total_seconds():.1f} s after its time: “{line}”")

    def _wait_for_push(self, until: datetime) -> dict[str, Any]:
        while True:
            pushes = self._pushes()
            if pushes or _clock() > until + _DAY / 24 / 60:
                break
            time.sleep(0.05)
        assert len(pushes) == 1, f"{len(pushes)} reminders came"
        return pushes[0]

    def _pushes(self) -> list[dict[str, Any]]:
        received = self._provider.received(accepted=True)
        return [each for each in received if each["payload"].get("occurrence") == self._due["id"]]

    def _do_it(self) -> None:
        answer = self._phone.post(
            f"/me/occurrences/{self._due['id']}/actions",
            {
                "id": str(uuid4()),
                "action": "complete",
                "at": _clock().isoformat(),
                "done": {"sets": 1, "reps": 10},
                "pain": 2,
            },
        )
        assert answer["occurrence"]["state"] == "done"
        self._say("The exercise is done, and the phone says so.")

    def _check_in(self) -> None:
        form = self._phone.get("/me/check-in-form")
        answer = self._phone.post(
            "/me/check-ins",
            {
                "id": str(uuid4()),
                "date": f"{self._today}",
                "recorded_at": _clock().isoformat(),
                "time_zone": self._zone,
                "form_version": form["form_version"],
                "answers": {"nrs_back": 3, "nrs_leg": 6, "walk_min": 25},
                "note": "The stairs are still hard.",
            },
        )
        assert answer["check_in"]["issues"] == []
        assert answer["monitoring"]["state"] == "not_monitored"
        self._say("A check-in is sent: leg pain 6, back pain 3, 25 minutes of walking.")

    def _see_both(self) -> None:
        episode = f"/episodes/{self._episode_id}"
        reports = self._physio.get(f"{episode}/check-ins")["items"]
        assert [each["answers"]["nrs_leg"] for each in reports] == [6]
        occurrences = self._physio.get(f"{episode}/occurrences")["items"]
        done = [each["id"] for each in occurrences if each["state"] == "done"]
        assert self._due["id"] in done
        page = self._browser.read(f"/patients/{self._patient_id}")
        for words in ("Rosa Lindqvist", self._due["title"], "The stairs are still hard."):
            assert words in page, f"the page does not say {words!r}"
        self._say("The physiotherapist sees both, by the API and on the patient's page.")

    def _move_discharge(self) -> None:
        before = self._planned()
        episode = f"/episodes/{self._episode_id}"
        moved = {"discharge_date": f"{self._today + _DAY}"}
        self._physio.call("PATCH", episode, moved)
        after = self._planned()
        for title, day in before.items():
            assert after[title] == day + _DAY, f"{title}: {day} became {after.get(title)}"
        assert before, "nothing that counts from discharge lay ahead"
        time.sleep(_QUIET_SECONDS)
        assert len(self._pushes()) == 1, "a reminder was repeated"
        same = [each for each in self._agenda() if each["id"] == self._due["id"]]
        assert [each["state"] for each in same] == ["done"]
        self._say(f"Home a day later: {len(before)} things ahead moved with it, none came twice.")

    def _planned(self) -> dict[str, date]:
        """Return the days of what is ahead, happens once, and counts from discharge."""
        plan = self._physio.get(f"/episodes/{self._episode_id}/plan")["live"]
        titles = {
            each["title"]["en"]
            for each in plan["items"]
            if each["rule"]["anchor"] == "discharge" and each["kind"] == "education"
        }
        return {
            each["title"]: date.fromisoformat(each["local_date"])
            for each in self._agenda()
            if each["title"] in titles and each["local_date"] > f"{self._today}"
        }

    def _agenda(self) -> list[dict[str, Any]]:
        until = self._today + 7 * _DAY
        answer = self._phone.get(f"/me/agenda?from={self._today}&to={until}")
        items: list[dict[str, Any]] = answer["items"]
        return items


def daytime_zone(now: datetime) -> str:
    """Return a zone where it is the middle of the day, so that no step falls behind midnight."""
    return min(_ZONES, key=lambda zone: abs(now.astimezone(ZoneInfo(zone)).hour - 13))


def next_minute(at: datetime) -> datetime:
    """Return the first full minute that is not before an instant."""
    return (at + timedelta(minutes=1, microseconds=-1)).replace(second=0, microsecond=0)


def environ_on(postgres: EmbeddedPostgres, database: str) -> dict[str, str]:
    """Return the environment of an installation that keeps what it acknowledged."""
    return {
        "RECOVERY_ENVIRONMENT": "development",
        "RECOVERY_SECRET_KEY": secrets.token_urlsafe(48),
        "RECOVERY_DATABASE_URL": postgres.url(database, "recovery_app"),
        "RECOVERY_WORKER_DATABASE_URL": postgres.url(database, "recovery_worker"),
        "RECOVERY_MIGRATOR_DATABASE_URL": postgres.url(database, "recovery_migrator"),
        "RECOVERY_VAPID_PRIVATE_KEY": new_private_key(),
        "RECOVERY_VAPID_CONTACT": "mailto:it@alderwick.example",
        "RECOVERY_ALLOW_PRIVATE_PUSH_ENDPOINTS": "true",
        "RECOVERY_LOG_LEVEL": "ERROR",
    }


def main() -> None:
    """Walk, and say each step as it happens."""
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {text}", flush=True)  # noqa: T201

    folder = Path(tempfile.mkdtemp(prefix="walkthrough-"))
    postgres = EmbeddedPostgres(folder / "postgres")
    postgres.start()
    try:
        postgres.create_database("recovery")
        with PushProvider() as provider, Installation(environ_on(postgres, "recovery")) as place:
            say("A database of its own is running; its tables are made.")
            place.run("db", "upgrade")
            place.start("web")
            place.start("worker")
            say(f"Web and worker run as separate processes; the web server is {place.origin}.")
            Walkthrough(place, provider, say).walk()
    finally:
        postgres.remove()
        folder.rmdir()


if __name__ == "__main__":
    main()
