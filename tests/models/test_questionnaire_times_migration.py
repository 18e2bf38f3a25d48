"""A database that runs gets the new kind of reminder, and no address that nobody asked for."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import MetaData, text

from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.migrations import upgrade
from tests.models.rows import NOW, valid_rows
from tests.models.test_migrations import connected

pytestmark = pytest.mark.database


@pytest.fixture
def earlier(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Return a database as it was before."""
    name = f"earlier_{uuid4().hex[:12]}"
    postgres.create_database(name)
    upgrade(postgres.url(name, "recovery_migrator"), "0007")
    yield name
    postgres.drop_database(name)


@pytest.mark.parametrize(
    ("contact_mode", "channel", "muted"),
    [
        ("app", "sms", ["questionnaire"]),
        ("app", "email", ["questionnaire"]),
        ("app", "inbox", []),
        ("phone", "sms", []),
    ],
)
def test_an_address_carries_the_new_kind_only_for_who_has_no_app(
    postgres: EmbeddedPostgres, earlier: str, contact_mode: str, channel: str, muted: list[str]
) -> None:
    rows = valid_rows()
    rows["patient"]["contact_mode"] = contact_mode
    address = {"sms": "+442079460001", "email": "a@b.example"}.get(channel)
    destination = {
        "clinic_id": rows["clinic"]["id"], "id": uuid4(), "patient_id": rows["patient"]["id"],
        "channel": channel, "address": address, "muted_kinds": [], "created_at": NOW,
    }  # fmt: skip
    clinic = {
        "locale": "en", "kind": "production", "visibility": "clinic", "reminder_defaults": {},
        "version": 1,
    }  # fmt: skip
    patient = {"contact_mode": "app", "preferences": {}, "version": 1}
    values = {
        "clinic": clinic | rows["clinic"],
        "patient": patient | rows["patient"],
        "destination": destination,
    }
    with connected(postgres, earlier, "recovery_app") as connection:
        then = MetaData()
        then.reflect(connection, only=list(values))
        scope = text("SELECT set_config('app.clinic_id', :clinic, true)")
        connection.execute(scope, {"clinic": str(rows["clinic"]["id"])})
        for name, row in values.items():
            known = then.tables[name].columns.keys()
            then_known = {key: value for key, value in row.items() if key in known}
            connection.execute(then.tables[name].insert().values(then_known))
        connection.commit()
    upgrade(postgres.url(earlier, "recovery_migrator"))
    with connected(postgres, earlier, "recovery_backup") as connection:
        assert connection.scalar(text("SELECT muted_kinds FROM destination")) == muted
        assert connection.scalar(text("SELECT scheduled_instruments FROM clinic")) == []
