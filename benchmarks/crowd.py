"""A crowd of patients whom a webhook reaches, and reminders for them, made by the server itself.

Written by `generate_series`, without asking every foreign key: half a million schedules take
seconds. Patient `n` is reached at `<provider>/r/<n>`, so the provider knows who got what.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from recovery_service.domain.local_time import local_date
from recovery_service.domain.local_time import zone as zone_of
from recovery_service.domain.recurrence import Rule

CLINICS = 4
ITEMS = 8  # of a plan
_SHARES = ("physiotherapy", "walking", "check_in", "physiotherapy", "medication")
_VALID_FOR = 240

# Ids as production has them: in the order of making.
_KEY = """
CREATE FUNCTION pg_temp.key(family int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(1767225600000 + n), 12, '0') || '70008000'
            || lpad(to_hex(family), 12, '0'))::uuid
$$
"""
_FAMILIES = {
    "clinic": 1,
    "site": 2,
    "patient": 3,
    "episode": 4,
    "destination": 5,
    "due": 6,
    "coming": 7,
}

_PEOPLE = """
INSERT INTO clinic (id, name, locale, kind, visibility, reminder_defaults, version, created_at,
                    updated_at)
SELECT pg_temp.key(1, c), 'Clinic', 'en', 'production', 'clinic', '{}', 1, %(now)s, %(now)s
  FROM generate_series(0, %(clinics)s - 1) c;
INSERT INTO site (clinic_id, id, name, time_zone, country, opening_hours, phones, is_default,
                  version, created_at, updated_at)
SELECT pg_temp.key(1, c), pg_temp.key(2, c), 'Main site', %(zone)s, 'GB', '{}', '{}', true, 1,
       %(now)s, %(now)s
  FROM generate_series(0, %(clinics)s - 1) c;
INSERT INTO patient (clinic_id, id, name, date_of_birth, time_zone, locale, contact_mode,
                     preferences, version, created_at, updated_at)
SELECT pg_temp.key(1, n %% %(clinics)s), pg_temp.key(3, n), 'Benchmark Patient', '1970-01-01',
       %(zone)s, 'en', 'app', '{}', 1, %(now)s, %(now)s
  FROM generate_series(0, %(patients)s - 1) n;
INSERT INTO episode (clinic_id, id, patient_id, site_id, procedure, levels, side, surgery_date,
                     surgery_date_assumed, discharge_date, baseline, state, version, created_at,
                     updated_at)
SELECT pg_temp.key(1, n %% %(clinics)s), pg_temp.key(4, n), pg_temp.key(3, n),
       pg_temp.key(2, n %% %(clinics)s), 'lumbar_microdiscectomy', '{L4/5}', 'left',
       %(today)s::date - 3, false, %(today)s::date - 2, '{}', 'open', 1, %(now)s, %(now)s
  FROM generate_series(0, %(patients)s - 1) n;
INSERT INTO destination (clinic_id, id, patient_id, channel, address, muted_kinds, verified_at,
                         created_at)
SELECT pg_temp.key(1, n %% %(clinics)s), pg_temp.key(5, n), pg_temp.key(3, n), 'webhook',
       %(origin)s || '/r/' || n, '{}', %(now)s, %(now)s
  FROM generate_series(0, %(patients)s - 1) n
"""

_RULES = """
INSERT INTO schedule_rule (clinic_id, hash, rule)
SELECT pg_temp.key(1, c), %(hash)s, %(rule)s
  FROM generate_series(0, %(clinics)s - 1) c
ON CONFLICT DO NOTHING
"""

# `step` patients apart; `item` tells the items of one plan apart.
_SCHEDULES = """
INSERT INTO schedule (clinic_id, id, patient_id, episode_id, kind, remind_via, rule_hash,
                      anchor_date, time_zone, opens_at, next_date, next_minute, next_due_at,
                      revision, failures)
SELECT pg_temp.key(1, n %% %(clinics)s), pg_temp.key(%(family)s, n * %(items)s + item),
       pg_temp.key(3, n), pg_temp.key(4, n), (%(kinds)s::text[])[1 + n %% %(shares)s], 'push',
       %(hash)s, %(today)s::date - 2, %(zone)s, %(now)s, %(day)s::date, %(minute)s,
       %(at)s::timestamptz + n * %(apart)s::interval, 1, 0
  FROM generate_series(0, %(patients)s - 1) n, generate_series(0, %(items)s - 1) item
"""

_FALLEN = """
WITH mine AS (
    SELECT pg_temp.key(1, n %% %(clinics)s) AS clinic_id, pg_temp.key(6, n) AS lineage_id,
           pg_temp.key(5, n) AS destination_id
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
), fallen AS (
    INSERT INTO occurrence (clinic_id, lineage_id, occ_key, local_date, due_at, expires_at, state,
                            round)
    SELECT clinic_id, lineage_id, %(occ_key)s, %(today)s, %(at)s, %(expires)s, 'due', 0 FROM mine
    RETURNING clinic_id, id, lineage_id
)
INSERT INTO delivery (clinic_id, occurrence_id, destination_id, channel, round, state, wake_at,
                      attempts)
SELECT clinic_id, id, destination_id, 'webhook', 0, 'ready', %(at)s, 0
  FROM fallen JOIN mine USING (clinic_id, lineage_id)
"""

_ANSWERED = """
WITH mine AS (
    SELECT pg_temp.key(1, n %% %(clinics)s) AS clinic_id, pg_temp.key(6, n) AS lineage_id,
           pg_temp.key(5, n) AS destination_id
      FROM generate_series(0, %(patients)s - 1) n
), answered AS (
    INSERT INTO occurrence (clinic_id, lineage_id, occ_key, local_date, due_at, expires_at, state,
                            round, closed_at)
    SELECT clinic_id, lineage_id, %(occ_key)s, %(day)s, %(at)s, %(expires)s, 'done', 0, %(at)s
      FROM mine
    RETURNING clinic_id, id, lineage_id
)
INSERT INTO delivery (clinic_id, occurrence_id, destination_id, channel, round, state, wake_at,
                      attempts, settled_at)
SELECT clinic_id, id, destination_id, 'webhook', 0, 'sent', %(at)s, 1, %(at)s
  FROM answered JOIN mine USING (clinic_id, lineage_id)
"""


def midday_zone(now: datetime) -> str:
    """Return a zone where it is about noon, so that nobody's quiet hours are in the way."""
    ahead = 12 - now.hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


@dataclass(frozen=True)
class Crowd:
    """Patients `0` to `patients - 1`, and how their reminders are made."""

    connection: psycopg.Connection[Any]
    origin: str
    patients: int
    now: datetime

    @property
    def zone(self) -> str:
        """Where they all live."""
        return midday_zone(self.now)

    def store(self) -> None:
        """Write clinics, patients, episodes and their addresses."""
        with _unasked(self.connection):
            for statement in _PEOPLE.strip().split(";\n"):
                self.connection.execute(statement, self._values())

    def plan_due(self, *, at: datetime, apart: timedelta = timedelta(0)) -> None:
        """Give each patient one schedule, due at an instant, so much later for each next one.

        What is due between two minutes happens once; that alone may be due at any second.
        """
        rule = self._rule(at, identity="once" if apart else "recurring")
        self._schedule("due", rule, at=at, items=1, apart=apart, once=bool(apart))

    def plan_coming(self, *, at: datetime, items: int) -> None:
        """Give each patient so many schedules that are due at a later instant."""
        self._schedule("coming", self._rule(at), at=at, items=items)

    def remember(self, *, at: datetime) -> None:
        """Give everybody a reminder of an earlier day that was sent and answered.

        A service that runs has a past, and the planner knows of it.
        """
        with _unasked(self.connection):
            self.connection.execute(
                _ANSWERED,
                self._values()
                | {"day": local_date(self.zone, at), "at": at}
                | {"expires": at + timedelta(minutes=_VALID_FOR)}
                | {"occ_key": f"{local_date(self.zone, at):%Y%m%d}.morning"},
            )

    def make_due(self, numbers: range, *, at: datetime) -> None:
        """Let a reminder fall due for each of these, written and ready to be sent."""
        with _unasked(self.connection):
            self.connection.execute(
                _FALLEN,
                self._values()
                | {"first": numbers.start, "last": numbers.stop - 1, "at": at}
                | {"expires": at + timedelta(minutes=_VALID_FOR)}
                | {"occ_key": f"{local_date(self.zone, at):%Y%m%d}.morning"},
            )

    def _schedule(
        self,
        family: str,
        rule: dict[str, Any],
        *,
        at: datetime,
        items: int,
        apart: timedelta = timedelta(0),
        once: bool = False,
    ) -> None:
        shown = at.astimezone(zone_of(self.zone))
        values = self._values() | {
            "family": _FAMILIES[family],
            "items": items,
            "kinds": ["education"] if once else list(_SHARES),
            "shares": 1 if once else len(_SHARES),
            "day": shown.date(),
            "minute": shown.hour * 60 + shown.minute,
            "at": at,
            "apart": apart,
        }
        with _unasked(self.connection):
            self.connection.execute(_RULES, {"clinics": CLINICS, **rule})
            self.connection.execute(_SCHEDULES, values | rule)

    def _rule(self, at: datetime, *, identity: str = "recurring") -> dict[str, Any]:
        shown = at.astimezone(zone_of(self.zone))
        written: dict[str, Any] = {
            "anchor": "discharge",
            "from_day": 0,
            "slots": {"morning": f"{shown:%H:%M}"},
            "valid_for_minutes": _VALID_FOR,
        }
        if identity == "once":
            written |= {"from_day": (shown.date() - self._today).days + 2}
        rule = Rule.parse(written, identity=identity)
        return {"hash": rule.hash(), "rule": Jsonb(rule.as_json())}

    @property
    def _today(self) -> Any:
        return local_date(self.zone, self.now)

    def _values(self) -> dict[str, Any]:
        return {
            "now": self.now - timedelta(days=2),
            "clinics": CLINICS,
            "patients": self.patients,
            "zone": self.zone,
            "today": self._today,
            "origin": self.origin,
        }


@contextmanager
def _unasked(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Leave the triggers of foreign keys out, as a restore does: what we write agrees."""
    with connection.transaction():
        connection.execute(_KEY.replace("CREATE", "CREATE OR REPLACE"))
        connection.execute("SET LOCAL session_replication_role = replica")
        yield
