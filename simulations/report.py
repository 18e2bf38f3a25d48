"""What the cohort says, as text: alert load, rules, and what became of the planted."""

from collections.abc import Iterator

from recovery_service.domain.red_flag_rules import TIERS, RedFlagRules
from simulations.cohort import Totals
from simulations.judging import FOUND, IN_HOSPITAL, LATE, MISSED, NOT_TOLD

#: The most of the check-ins that may raise an alert.
AIM = 0.10


def lines(load: Totals, drill: Totals, rules: RedFlagRules) -> Iterator[str]:
    """Yield the report: `load` is the cohort at its rates, `drill` one complication in each."""
    yield from _head(load)
    yield ""
    yield from _rules(load, rules)
    yield ""
    yield "Planted at their rates"
    yield from _planted(load)
    yield ""
    yield f"Drill: one complication in each of {drill.patients} patients, told on each of its days"
    yield from _planted(drill)
    yield ""
    yield from _judgement(load, drill)


def _head(load: Totals) -> Iterator[str]:
    shares = ", ".join(f"{tier} {load.alerting[tier] / load.check_ins:.1%}" for tier in TIERS)
    yield f"{load.patients} patients, {load.patient_days} days at home, {load.check_ins} check-ins"
    yield f"  check-ins with a finding     {load.with_findings / load.check_ins:6.1%}"
    yield f"  check-ins that alert         {load.with_alerts / load.check_ins:6.1%}   ({shares})"
    yield f"  alerts a patient             {sum(load.alerts.values()) / load.patients:6.2f}"
    yield f"  patients never alerted about {1 - load.patients_alerted / load.patients:6.1%}"
    swept = sum(load.swept.values())
    yield f"  and alerts of what was not done, raised by the sweep and no check-in: {swept}"


def _rules(load: Totals, rules: RedFlagRules) -> Iterator[str]:
    yield (
        f"{'rule':16}{'tier':20}{'fires per 100 days':>19}{'alerts':>8}{'no cause':>10}"
        f"{'alone':>8}{'% of check-ins':>16}"
    )
    for rule in sorted(rules.rules, key=lambda one: (-load.alerts[one.id], one.id)):
        fires = 100 * (load.findings[rule.id] + load.swept[rule.id]) / load.patient_days
        alerts = load.alerts[rule.id] + load.swept[rule.id]
        yield (
            f"{rule.id:16}{rule.tier:20}{fires:>19.3f}{alerts:>8}{load.without_cause[rule.id]:>10}"
            f"{load.sole_cause[rule.id]:>8}{load.sole_cause[rule.id] / load.check_ins:>16.2%}"
        )
    yield "no cause: no complication was planted that asks for the rule. What OPI3, BOW1, DYS1 and"
    yield "ADH1_* look for is ordinary behaviour here. alone: check-ins at which no other alerted."
    yield "Of the ADH1_*, which the sweep judges, alerts are given for fires."


def _planted(totals: Totals) -> Iterator[str]:
    columns = (FOUND, LATE, MISSED, NOT_TOLD, IN_HOSPITAL)
    yield f"{'complication':24}{'tier':20}" + "".join(f"{name:>13}" for name in columns)
    for code, tier in sorted(totals.tiers.items(), key=lambda one: (TIERS.index(one[1]), one[0])):
        counts = "".join(f"{totals.verdicts[code, name]:>13}" for name in columns)
        yield f"{code:24}{tier:20}{counts}"


def _judgement(load: Totals, drill: Totals) -> Iterator[str]:
    yield f"aim: at most {AIM:.0%} of check-ins alert"
    yield _reached("check-ins", load.with_alerts / load.check_ins)
    added = (load.with_alerts + sum(load.swept.values())) / load.check_ins
    yield _reached("with the sweep", added)
    unanswered = sorted({*load.unanswered_emergencies(), *drill.unanswered_emergencies()})
    told = sum(
        each.told(code)
        for each in (load, drill)
        for code, tier in each.tiers.items()
        if tier == TIERS[0]
    )
    answered = f"all of {told} told" if not unanswered else f"NOT: {', '.join(unanswered)}"
    yield f"planted emergencies answered as such at once: {answered}"


def _reached(how: str, share: float) -> str:
    return f"  {how + ':':16}{'reached' if share <= AIM else 'NOT reached'}, {share:.1%}"
