"""Back-testing on what is stored: three statements a batch of episodes, whatever their history."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from recovery_service.domain.alerts import acted_on
from recovery_service.domain.back_test_report import BackTestReport
from recovery_service.domain.back_testing import BackTest, EpisodeHistory, PastAlert
from recovery_service.domain.content import Content
from recovery_service.domain.judgement import PastReport
from recovery_service.domain.local_time import local_date
from recovery_service.domain.red_flag_rules import RedFlagRules, parse_rules
from recovery_service.errors import BackTestTooLarge, InvalidField

MOST_RULES = 200
_BATCH = 50
_NOBODY = UUID(int=0)

# An episode's days run from surgery to its end, as far as the window holds them.
_EPISODES = """
SELECT * FROM (
    SELECT e.id, e.procedure, e.surgery_date, p.time_zone,
           greatest(coalesce(e.surgery_date, e.discharge_date), %(first)s::date) AS first_day,
           least(coalesce(e.ended_on, %(last)s::date), %(last)s::date) AS last_day
      FROM episode e
      JOIN patient p ON p.clinic_id = e.clinic_id AND p.id = e.patient_id
     WHERE e.clinic_id = %(clinic_id)s AND e.end_reason IS DISTINCT FROM 'entered_in_error'
       AND (%(procedure)s::text IS NULL OR e.procedure = %(procedure)s)) d
 WHERE d.first_day <= d.last_day
"""
_SIZE = f"SELECT coalesce(sum(last_day - first_day + 1), 0)::bigint FROM ({_EPISODES}) s"
_NEXT = f"{_EPISODES} AND d.id > %(after)s ORDER BY d.id LIMIT %(batch)s"
_CHECK_INS = """
SELECT id, episode_id, local_date, recorded_at, received_at, supersedes, answers, note, issues
  FROM check_in
 WHERE clinic_id = %(clinic_id)s AND episode_id = ANY (%(episodes)s) AND local_date <= %(last)s
"""
_ALERTS = """
SELECT episode_id, id, rule_id, tier, raised_at, resolved_at, resolution
  FROM alert
 WHERE clinic_id = %(clinic_id)s AND episode_id = ANY (%(episodes)s)
"""
_REPORT = (
    "id", "episode_id", "local_date", "recorded_at", "received_at", "supersedes", "answers",
    "note", "issues",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Which past is looked at: the clinic's, so many days up to a date, maybe of one procedure."""

    clinic_id: UUID
    last_day: date
    days: int
    procedure: str | None = None

    def values(self) -> dict[str, Any]:
        """Return the parameters of the statements."""
        return {
            "clinic_id": self.clinic_id,
            "first": self.last_day - timedelta(days=self.days - 1),
            "last": self.last_day,
            "procedure": self.procedure,
        }


def rule_tables(text: str) -> dict[str, Any]:
    """Read TOML as far as JSON has its values; raises ValueError for dates, NaN and no TOML."""
    try:
        raw = tomllib.loads(text)
        json.dumps(raw, allow_nan=False)
    except TypeError as strange:
        raise ValueError(str(strange)) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return raw


def changed_rules(content: Content, raw: Mapping[str, Any], *, file: str) -> RedFlagRules:
    """Read changed rules on the questions of today; raises ContentError and InvalidField."""
    rules = raw.get("rules")
    if isinstance(rules, list) and len(rules) > MOST_RULES:
        raise InvalidField("/rules/rules", f"At most {MOST_RULES} rules.")
    return parse_rules(
        raw,
        catalogue=content.check_ins,
        crisis_words=content.crisis_words,
        sources=content.sources,
        file=file,
    )


def back_test(
    session: Session,
    rules: RedFlagRules,
    changed: RedFlagRules,
    past: Past,
    *,
    most_patient_days: int | None = None,
) -> BackTestReport:
    """Compare the rules in force with changed ones over the clinic's past; nothing is written.

    Raises BackTestTooLarge where the past holds more patient-days than `most_patient_days`.
    """
    values = past.values()
    size = session.connection().exec_driver_sql(_SIZE, values).scalar_one()
    if most_patient_days is not None and size > most_patient_days:
        raise BackTestTooLarge(size, most_patient_days)
    test = BackTest(rules, changed)
    for history in _histories(session, values):
        test.add(history)
    return test.report


def _histories(session: Session, values: Mapping[str, Any]) -> Iterator[EpisodeHistory]:
    """Yield the episodes one by one, read in batches, so that memory does not grow with them."""
    ask = session.connection().exec_driver_sql
    after = _NOBODY
    while rows := ask(_NEXT, {**values, "after": after, "batch": _BATCH}).all():
        after = rows[-1].id
        of_batch = {**values, "episodes": [row.id for row in rows]}
        check_ins: dict[UUID, list[PastReport]] = {}
        for row in ask(_CHECK_INS, of_batch):
            report = PastReport(**dict(zip(_REPORT, row, strict=True)))
            check_ins.setdefault(report.episode_id, []).append(report)
        alerts: dict[UUID, list[Any]] = {}
        for row in ask(_ALERTS, of_batch):
            alerts.setdefault(row.episode_id, []).append(row)
        for row in rows:
            yield _history(row, check_ins.get(row.id, ()), alerts.get(row.id, ()))


def _history(row: Any, check_ins: Sequence[PastReport], alerts: Sequence[Any]) -> EpisodeHistory:
    return EpisodeHistory(
        episode_id=row.id,
        procedure=row.procedure,
        surgery_date=row.surgery_date,
        first_day=row.first_day,
        last_day=row.last_day,
        check_ins=check_ins,
        alerts=[_past_alert(one, row.time_zone) for one in alerts],
    )


def _past_alert(row: Any, time_zone: str) -> PastAlert:
    def on(at: datetime | None) -> date | None:
        return None if at is None else local_date(time_zone, at)

    return PastAlert(
        id=row.id,
        rule_id=row.rule_id,
        tier=row.tier,
        raised_on=local_date(time_zone, row.raised_at),
        resolved_on=on(row.resolved_at),
        acted_on=acted_on(row.resolution),
    )
