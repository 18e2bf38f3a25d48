"""How the queue stands, why a reminder came or not, and what goes out once more.

Planted, each seen red: the note printed; the actions read as the worker
(the role refuses); the sentence in English whatever the language.
"""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import orjson
import pytest
from flask import Flask
from sqlalchemy import update

from recovery_service.clock import ManualClock, SystemClock
from recovery_service.database import transaction
from recovery_service.domain.local_time import local_date
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.models import Delivery, OccurrenceAction
from tests.cli.conftest import Call
from tests.conftest import running_app, settings_for
from tests.factories import make_clinic, make_patient
from tests.plan_rows import Item, materialise, plan_item

TITLE, NOTE = "Canary exercise of the left leg", "canary: it hurt badly"


@pytest.fixture
def web(postgres: EmbeddedPostgres, own_database: str) -> Iterator[Flask]:
    with running_app(settings_for(postgres, own_database), ManualClock(SystemClock()())) as app:
        yield app


@pytest.fixture
def item(web: Flask) -> Item:
    """Something that fell due an hour ago by the machine's clock, and is due every hour."""
    now = SystemClock()()
    today = local_date("Europe/London", now)
    with web.app_context():
        patient = make_patient(make_clinic(now=now), now=now)
        rule = {
            "anchor": "discharge",
            "from_day": 0,
            "slots": {f"h{hour:02}": f"{hour:02}:00" for hour in range(24)},
            "valid_for_minutes": 600,
        }
        made = plan_item(
            patient,
            rule=rule,
            now=now - timedelta(hours=1),
            anchor=today - timedelta(days=2),
            title=TITLE,
        )
        materialise(made, now=now)
    return made


def told(call: Call, *arguments: str) -> str:
    result = call("reminders", *arguments)
    assert result.exit_code == 0, result.output
    return str(result.output)


def test_status_is_a_table_for_people_and_json_for_machines(call: Call, item: Item) -> None:
    table = told(call, "status")
    assert "ready" in table
    assert "webpush" in table
    figures = orjson.loads(told(call, "status", "--json"))
    assert figures["queues"]["webpush"]["ready"] >= 1
    assert figures["delivery_lag_s"] > 0


def test_the_story_of_an_occurrence_tells_all_but_health(
    call: Call, web: Flask, item: Item
) -> None:
    with web.app_context():
        key, row = max(item.rows().items(), key=lambda pair: pair[0])
        now = SystemClock()()
        with transaction(item.clinic_id) as session:
            session.add(
                OccurrenceAction(
                    clinic_id=item.clinic_id, id=uuid4(), occurrence_id=row.id, action="complete",
                    at=now, received_at=now, pain=7, note=NOTE, reason=NOTE,
                )
            )  # fmt: skip
            dropped = update(Delivery).where(Delivery.channel == "webpush")
            session.execute(dropped.values(state="dropped", reason="over_budget", settled_at=now))
    name = item.occurrence_id(key)
    story = told(call, "explain", name)
    assert name in story
    assert "dropped (over_budget)" in story
    assert "The day had enough reminders; what matters more came first." in story
    assert "complete" in story
    for canary in ("Canary", "canary", "7.0", "Example"):
        assert canary not in story
    assert "Günün " in told(call, "explain", name, "--language", "tr")
    plain = orjson.loads(told(call, "explain", name, "--json"))
    assert {each["channel"] for each in plain["deliveries"]} == {"webpush", "inbox"}
    by_notification = told(call, "explain", plain["deliveries"][0]["id"])
    assert by_notification.splitlines()[0] == story.splitlines()[0]


def test_what_is_not_due_yet_is_foretold(call: Call, item: Item) -> None:
    tomorrow = local_date("Europe/London", SystemClock()()) + timedelta(days=1)
    story = told(call, "explain", item.occurrence_id(f"{tomorrow:%Y%m%d}.h12"))
    assert "It has not fallen due." in story
    assert "as things stand now" in story
    assert "inbox" in story


def test_a_name_of_nothing_is_refused_in_one_line(call: Call, item: Item) -> None:
    result = call("reminders", "explain", "nothing-of-ours")
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert "is no occurrence" in result.output


def test_replay_counts_first_and_then_does_it_once(call: Call, web: Flask, item: Item) -> None:
    with web.app_context(), transaction(item.clinic_id) as session:
        died = update(Delivery).where(Delivery.channel == "inbox")
        values = {"state": "dead", "reason": "broken", "settled_at": SystemClock()()}
        session.execute(died.values(**values))
    asked = ("replay", "--channel", "inbox", "--since", "2h")
    counted = told(call, *asked, "--dry-run")
    assert "would be ready again" in counted
    assert counted.split()[0] == told(call, *asked).split()[0] != "0"
    assert told(call, *asked).startswith("0 ")
    assert call("reminders", "replay", "--channel", "inbox", "--since", "ever").exit_code == 2
    assert call("reminders", "replay", "--channel", "owl", "--since", "2h").exit_code == 2
