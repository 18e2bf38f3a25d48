"""The command: a report, drawings, and an exit status that cannot be overlooked.

Planted, each red here: always 0; a drawing without the anchors; the aim always reached, or
not at its edge.
"""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from config import content
from recovery_service.domain.red_flag_rules import RedFlagRules
from simulations.__main__ import main, rules_of
from simulations.assumptions import shipped
from simulations.cohort import Totals
from simulations.drawings import trajectories
from simulations.report import lines

QUICK = ["--patients", "8", "--drill", "2", "--processes", "1"]


def test_the_command_reports_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three drawings and the printed text as a file."""
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "8 patients" in printed
    assert (tmp_path / "report.txt").read_text(encoding="utf-8").strip() in printed
    for name in ("trajectories", "alerts_by_day", "alerts_by_rule"):
        root = ET.fromstring((tmp_path / f"{name}.svg").read_bytes())  # noqa: S314 - ours
        assert root.tag.endswith("svg")


def test_rules_that_leave_an_emergency_unanswered_end_in_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cauda equina is drilled first, and every rule of an emergency is taken away."""
    shipped_rules = (content.FOLDER / "red_flags.toml").read_text(encoding="utf-8")
    head, *rules = shipped_rules.split("[[rules]]\n")
    kept = [rule for rule in rules if 'tier = "emergency"' not in rule]
    changed = tmp_path / "changed.toml"
    changed.write_text("[[rules]]\n".join([head, *kept]), encoding="utf-8")
    arguments = ["--patients", "1", "--drill", "5", "--processes", "1", "--rules", str(changed)]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 1
    assert "answered as such at once: NOT: " in capsys.readouterr().out


def test_rules_that_do_not_validate_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file and the rule are named, and nothing is simulated."""
    broken = tmp_path / "broken.toml"
    text = (content.FOLDER / "red_flags.toml").read_text(encoding="utf-8")
    broken.write_text(text.replace('item = "saddle_numb"', 'item = "saddle_nub"'), encoding="utf-8")
    assert main([*QUICK, "--rules", str(broken), "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "broken.toml" in told
    assert "CES1" in told


@pytest.mark.parametrize(("alerting", "verdict"), [(10, "reached"), (11, "NOT reached")])
def test_the_aim_is_one_check_in_in_ten(alerting: int, verdict: str) -> None:
    """The edge belongs to it; what no check-in raised is told on top of it."""
    load = Totals(patients=1, patient_days=100, due=100, check_ins=100, with_alerts=alerting)
    load.swept["ADH1_SILENCE"] = 20
    told = list(lines(load, Totals(patients=1), rules()))
    assert f"  check-ins:      {verdict}, {alerting / 100:.1%}" in told
    assert f"  with the sweep: NOT reached, {(alerting + 20) / 100:.1%}" in told


def test_the_trajectories_are_drawn_against_their_anchors() -> None:
    """Every anchor is a point of the drawing, and says where it is from."""
    values = trajectories(Totals(), shipped())["data"]["values"]
    anchors = sum(len(course.anchors) for course in shipped().courses.values())
    assert len([one for one in values if one["basis"] in ("found", "memory", "interpolated")]) == (
        anchors
    )


def rules() -> RedFlagRules:
    return rules_of()
