"""Clinics full of patients at home, written with COPY: real tables, real constraints."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import psycopg

ZONES = (
    "Europe/Istanbul",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Lisbon",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Africa/Cairo",
    "Australia/Adelaide",
    "Pacific/Auckland",
)
PHONES = {"clinic": "+442079460000", "out_of_hours": "+442079460001", "emergency": "999"}


@dataclass
class Ids:
    """UUIDv7 in the order of making, the same in every run: that is how rows lie in production."""

    random: Random
    milliseconds: int = 1_767_225_600_000

    def new(self) -> UUID:
        """Return the next id."""
        self.milliseconds += 1
        return UUID(
            int=self.milliseconds << 80
            | 0x7 << 76
            | self.random.getrandbits(12) << 64
            | 0b10 << 62
            | self.random.getrandbits(62)
        )


@dataclass(frozen=True)
class Person:
    """A patient at home with a phone: one open episode, one push destination."""

    clinic_id: UUID
    site_id: UUID
    id: UUID
    episode_id: UUID
    device_id: UUID
    destination_id: UUID
    zone: str
    surgery: date

    @property
    def discharge(self) -> date:
        """The day after the operation."""
        return self.surgery + timedelta(days=1)


@dataclass
class Town:
    """Clinics, and their patients in twelve zones."""

    random: Random
    now: datetime
    ids: Ids = field(init=False)
    clinics: list[tuple[UUID, UUID]] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ids = Ids(self.random)

    def fill(self, *, clinics: int, patients: int) -> None:
        """Think up the clinics and their patients, operated on 3 to 40 days ago."""
        self.clinics = [(self.ids.new(), self.ids.new()) for _ in range(clinics)]
        for number in range(patients):
            clinic_id, site_id = self.clinics[number % clinics]
            days = timedelta(days=self.random.randrange(3, 41))
            self.people.append(
                Person(
                    clinic_id,
                    site_id,
                    self.ids.new(),
                    self.ids.new(),
                    self.ids.new(),
                    self.ids.new(),
                    self.random.choice(ZONES),
                    self.now.date() - days,
                )
            )

    def store(self, connection: psycopg.Connection[Any]) -> None:
        """Write them, parents first."""
        stamps = {"created_at": self.now, "updated_at": self.now, "version": 1}
        clinic = {"locale": "en", "kind": "production", "visibility": "clinic"}
        copy_rows(
            connection,
            "clinic",
            (
                {"id": one, "name": "Clinic", "reminder_defaults": "{}", **clinic, **stamps}
                for one, _ in self.clinics
            ),
        )
        copy_rows(connection, "site", (_site(*each) | stamps for each in self.clinics))
        copy_rows(connection, "patient", (_patient(each) | stamps for each in self.people))
        copy_rows(connection, "episode", (_episode(each) | stamps for each in self.people))
        copy_rows(connection, "device", (_device(each, self.now) for each in self.people))
        copy_rows(connection, "destination", (_destination(each, self.now) for each in self.people))


def copy_rows(
    connection: psycopg.Connection[Any], table: str, rows: Iterable[dict[str, Any]]
) -> None:
    """Write rows that all have the columns of the first."""
    stream: Iterator[dict[str, Any]] = iter(rows)
    first = next(stream, None)
    if first is None:
        return
    columns: Sequence[str] = list(first)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
    ):
        copy.write_row(list(first.values()))
        for row in stream:
            copy.write_row([row[name] for name in columns])


def _site(clinic_id: UUID, site_id: UUID) -> dict[str, Any]:
    return {
        "clinic_id": clinic_id,
        "id": site_id,
        "name": "Main site",
        "time_zone": "Europe/London",
        "country": "GB",
        "opening_hours": json.dumps({str(day): [["08:00", "17:00"]] for day in range(1, 6)}),
        "phones": json.dumps(PHONES),
        "is_default": True,
    }


def _patient(person: Person) -> dict[str, Any]:
    return {
        "clinic_id": person.clinic_id,
        "id": person.id,
        "name": "Benchmark Patient",
        "date_of_birth": date(1970, 1, 1),
        "time_zone": person.zone,
        "locale": "en",
        "contact_mode": "app",
        "preferences": "{}",
    }


def _episode(person: Person) -> dict[str, Any]:
    return {
        "clinic_id": person.clinic_id,
        "id": person.episode_id,
        "patient_id": person.id,
        "site_id": person.site_id,
        "procedure": "lumbar_microdiscectomy",
        "levels": ["L4/5"],
        "side": "left",
        "surgery_date": person.surgery,
        "surgery_date_assumed": False,
        "discharge_date": person.discharge,
        "baseline": '{"nrs_back": 6, "nrs_leg": 8}',
        "state": "open",
    }


def _device(person: Person, now: datetime) -> dict[str, Any]:
    return {
        "clinic_id": person.clinic_id,
        "id": person.device_id,
        "patient_id": person.id,
        "name": "Phone",
        "platform": "webpush",
        "permission": "granted",
        "time_zone": person.zone,
        "locale": "en",
        "app_version": "1.0.0",
        "last_seen_at": now,
        "created_at": now,
    }


def _destination(person: Person, now: datetime) -> dict[str, Any]:
    return {
        "clinic_id": person.clinic_id,
        "id": person.destination_id,
        "patient_id": person.id,
        "channel": "webpush",
        "device_id": person.device_id,
        "subscription": '{"endpoint": "https://push.example/1", "keys": {}}',
        "muted_kinds": [],
        "created_at": now,
    }
