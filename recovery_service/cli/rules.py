"""Red-flag rules from the outside: changed ones put to the past."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import orjson

from recovery_service.cli.applications import application, settings_here
from recovery_service.cli.clinics import clinic_named, only_clinic
from recovery_service.cli.fitness import require_ready
from recovery_service.cli.refusals import Refusal
from recovery_service.database import transaction
from recovery_service.domain.access import Actor
from recovery_service.domain.back_test_report import BackTestReport
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.domain.red_flag_rules import RedFlagRules
from recovery_service.extensions import db, parts
from recovery_service.services import audit
from recovery_service.services.back_testing import Past, back_test, changed_rules, rule_tables

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def rules() -> None:
    """Look after the rules that answer check-ins."""


@rules.command()
@click.argument("file", type=_FILE)
@click.option("--clinic", help="Id or name of the clinic; the one that there is if left out.")
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True)
@click.option("--procedure", type=click.Choice(sorted(PROCEDURES)))
@click.option("--json", "plain", is_flag=True, help="For machines: one JSON object.")
def backtest(
    file: Path, *, clinic: str | None, days: int, procedure: str | None, plain: bool
) -> None:
    """Say what the rules of FILE would have found in the past, before they are switched on.

    Nothing is changed. Figures, ids and dates; no answers, no notes, and nobody's name.
    """
    settings = settings_here()
    with application(settings):
        require_ready(db.engine, settings)
        changed = _read(file)
        clinic_id = clinic_named(clinic) if clinic else only_clinic()
        now = parts().clock()
        past = Past(clinic_id=clinic_id, last_day=now.date(), days=days, procedure=procedure)
        report = _tested(clinic_id, changed, past, now=now)
    told = report.as_json()
    click.echo(orjson.dumps(told).decode() if plain else "\n".join(_table(told)))


def _read(file: Path) -> RedFlagRules:
    try:
        raw = rule_tables(file.read_text(encoding="utf-8"))
    except ValueError as broken:
        raise Refusal(f"{file.name} is not TOML of rules: {broken}") from None
    return changed_rules(parts().content, raw, file=file.name)


def _tested(clinic_id: UUID, changed: RedFlagRules, past: Past, *, now: datetime) -> BackTestReport:
    operator = Actor(clinic_id=clinic_id, kind="system", id=None)
    with transaction(clinic_id) as session:
        audit.record(session, operator, "rules_backtested", "clinic", clinic_id, now=now)
        return back_test(session, parts().content.red_flags, changed, past)


def _table(told: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{told['episodes']} episodes, {told['patient_days']} patient-days, "
        f"{told['check_ins']} check-ins"
    )
    yield from (
        f"{name:10} {told[name]['fires']:>7} fires, "
        f"{told[name]['per_100_patient_days']:>8.3f} per 100 patient-days"
        for name in ("in_force", "changed")
    )
    yield f"not judged: {', '.join(told['not_judged']) or 'none'}"
    yield (
        f"{'rule':16}{'in force':>9}{'changed':>9}{'per 100':>9}{'new':>6}{'lost':>6}{'tier':>6}"
        f"{'in alert':>10}{'in none':>9}{'kept':>6}{'lost alerts, acted on':>23}"
    )
    yield from (_line(rule) for rule in told["rules"])
    for rule in told["rules"]:
        for what, examples in rule["examples"].items():
            named = "; ".join(" ".join(one.values()) for one in examples)
            yield f"{rule['id']} {what}: {named}"


def _line(rule: dict[str, Any]) -> str:
    fates = {fate: sum(counts.values()) for fate, counts in rule["alerts"].items()}
    overlap = rule["overlap"]
    lost = f"{fates['lost']}, {rule['alerts']['lost']['acted_on']}"
    return (
        f"{rule['id']:16}{rule['in_force']['fires']:>9}{rule['changed']['fires']:>9}"
        f"{rule['changed']['per_100_patient_days']:>9.3f}{rule['new']:>6}{rule['lost']:>6}"
        f"{rule['other_tier']:>6}{overlap['in_own_alert'] + overlap['in_other_alert']:>10}"
        f"{overlap['in_no_alert']:>9}{fates['kept']:>6}{lost:>23}"
    )
