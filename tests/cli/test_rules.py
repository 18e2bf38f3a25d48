"""Changed rules put to the past by an operator.

Planted, each red here: a broken file that ends in a traceback; the first clinic taken where
there are two; figures of the rules in force under the name of the changed ones; no trail.
"""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from flask import Flask
from sqlalchemy import select

from config import content
from recovery_service.clock import ManualClock, SystemClock
from recovery_service.database import transaction
from recovery_service.embedded_postgres import EmbeddedPostgres
from recovery_service.models import AuditEvent
from tests.cli.conftest import Call
from tests.conftest import running_app, settings_for
from tests.factories import ClinicWithStaff, PatientAtHome, make_clinic, make_patient
from tests.pasts import alerted, reported

SHIPPED = (content.FOLDER / "red_flags.toml").read_text(encoding="utf-8")
NOW = SystemClock()()
YESTERDAY = NOW.date() - timedelta(days=1)


@pytest.fixture
def web(postgres: EmbeddedPostgres, own_database: str) -> Iterator[Flask]:
    with running_app(settings_for(postgres, own_database), ManualClock(NOW)) as app:
        yield app


@pytest.fixture
def clinic(web: Flask) -> ClinicWithStaff:
    with web.app_context():
        made = make_clinic(now=NOW, name="Alderwick")
        home(made)
    return made


def home(clinic: ClinicWithStaff) -> PatientAtHome:
    """Return somebody who fell yesterday, ten days after surgery."""
    surgery = YESTERDAY - timedelta(days=10)
    patient = make_patient(clinic, now=NOW, surgery_date=surgery, discharge_date=surgery)
    reported(patient, YESTERDAY, fall=True, note="canary")
    alerted(patient, YESTERDAY, "FALL1")
    return patient


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return rules without the one of falls, and with bowels from the third day."""
    head, *rules = SHIPPED.split("[[rules]]\n")
    kept = [rule for rule in rules if 'id = "FALL1"' not in rule]
    made = tmp_path / "changed.toml"
    made.write_text("[[rules]]\n".join([head, *kept]), encoding="utf-8")
    return made


@pytest.mark.usefixtures("clinic")
def test_the_only_clinic_is_compared_and_every_figure_has_its_name(call: Call, file: Path) -> None:
    """Fires in force, none changed, and an alert that was acted on is lost."""
    result = call("rules", "backtest", str(file), "--days", "30")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "1 episodes, 12 patient-days, 1 check-ins"
    assert lines[1].split() == ["in_force", "1", "fires,", "8.333", "per", "100", "patient-days"]
    assert lines[2].split()[:3] == ["changed", "0", "fires,"]
    (fall,) = [line for line in lines if line.startswith("FALL1  ")]
    assert fall.split() == ["FALL1", "1", "0", "0.000", "0", "1", "0", "0", "0", "0", "1,", "1"]
    assert "canary" not in result.output


def test_the_same_as_json_of_one_of_several_clinics_leaves_a_trail(
    call: Call, clinic: ClinicWithStaff, web: Flask, file: Path
) -> None:
    """By name or id; without one it is asked for."""
    with web.app_context():
        other = make_clinic(now=NOW, name="Brookside")
    asked = call("rules", "backtest", str(file))
    assert (asked.exit_code, "--clinic" in asked.output) == (2, True)
    told = orjson.loads(
        call("rules", "backtest", str(file), "--clinic", "Alderwick", "--json").output
    )
    assert {rule["id"]: rule["lost"] for rule in told["rules"]} == {"FALL1": 1}
    empty = call("rules", "backtest", str(file), "--clinic", str(other.id), "--json")
    assert orjson.loads(empty.output)["episodes"] == 0
    with web.app_context(), transaction(clinic.id) as session:
        (traced,) = session.scalars(
            select(AuditEvent).where(AuditEvent.action == "rules_backtested")
        )
        assert (traced.actor_kind, traced.patient_id) == ("system", None)


@pytest.mark.usefixtures("clinic")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SHIPPED.replace('item = "saddle_numb"', 'item = "sadle_numb"'), ["broken.toml", "CES1"]),
        ("version = ", ["broken.toml", "TOML"]),
        (SHIPPED.replace("silence_days = 7", "silence_days = 2026-01-01"), ["broken.toml"]),
    ],
)
def test_a_file_that_is_no_set_of_rules_is_refused_by_its_name(
    call: Call, tmp_path: Path, text: str, told: list[str]
) -> None:
    """And by that of the rule, in one line."""
    broken = tmp_path / "broken.toml"
    broken.write_text(text, encoding="utf-8")
    result = call("rules", "backtest", str(broken))
    assert result.exit_code == 2
    assert all(word in result.output for word in told)
    assert "Traceback" not in result.output
