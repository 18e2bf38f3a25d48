"""`python -m simulations [--patients N]`: live, judge, print the report, draw."""

import argparse
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from config.content import read_content
from recovery_service.domain.content import Content, ContentError
from recovery_service.domain.red_flag_rules import RedFlagRules, parse_rules
from simulations.assumptions import shipped
from simulations.cohort import outcomes, total
from simulations.drawings import draw
from simulations.patients import Planting
from simulations.report import lines

_OUT = Path("build/cohort")


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 1 where a planted emergency was told and not answered as such at once."""
    wanted = _wanted(arguments)
    try:
        rules = rules_of(wanted.rules)
    except ContentError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    assumptions = shipped()
    load, drill = (
        total(
            outcomes(
                patients,
                assumptions,
                rules,
                seed=wanted.seed,
                planting=planting,
                processes=wanted.processes,
            )
        )
        for patients, planting in (
            (wanted.patients, Planting()),
            (wanted.drill, Planting(drill=True)),
        )
    )
    report = "\n".join(lines(load, drill, rules))
    print(report)
    drawn = draw(wanted.out, load, assumptions, rules)
    (wanted.out / "report.txt").write_text(f"{report}\n", encoding="utf-8")
    print(f"\n{', '.join(map(str, drawn))}")
    return 1 if load.unanswered_emergencies() or drill.unanswered_emergencies() else 0


def rules_of(file: Path | None = None) -> RedFlagRules:
    """Return the shipped rules, or those of a file on the shipped questions."""
    content = Content.parse(read_content())
    if file is None:
        return content.red_flags
    return parse_rules(
        tomllib.loads(file.read_text(encoding="utf-8")),
        catalogue=content.check_ins,
        crisis_words=content.crisis_words,
        sources=content.sources,
        file=file.name,
    )


def _wanted(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulations", description=__doc__)
    parser.add_argument("--patients", type=int, default=2000, metavar="N")
    parser.add_argument("--drill", type=int, default=500, metavar="N", help="patients of the drill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rules", type=Path, metavar="FILE", help="rules to judge by instead")
    parser.add_argument("--out", type=Path, default=_OUT, metavar="DIR")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
