"""The cohort: many patients, lived and judged, and what they add up to."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from math import sqrt

from recovery_service.domain.red_flag_rules import TIERS, RedFlagRules
from simulations.assumptions import Assumptions
from simulations.judging import FOUND, LATE, MISSED, Answered, Outcome, live_and_judge
from simulations.patients import Planting

_CHUNK = 25


@dataclass(slots=True)
class Spread:
    """Mean and SD of what was added, without keeping it."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        """Count one more."""
        self.n += 1
        self.total += value
        self.squares += value * value

    @property
    def mean(self) -> float:
        """The mean; there is one once something was added."""
        return self.total / self.n

    @property
    def sd(self) -> float:
        """The SD of what was added."""
        return sqrt(max(self.squares / self.n - self.mean**2, 0.0))


@dataclass(slots=True)
class Totals:
    """What the outcomes of a cohort add up to.

    Counters: `findings`, `alerts`, `without_cause` and `swept` by rule; `alerting`
    (check-ins) by strictest tier; `sent` and `alerted` (check-ins) by day since surgery;
    `verdicts` by complication and outcome. `pains` by procedure, item and day.
    """

    patients: int = 0
    patients_alerted: int = 0
    patient_days: int = 0
    due: int = 0
    check_ins: int = 0
    with_findings: int = 0
    with_alerts: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    alerts: Counter[str] = field(default_factory=Counter)
    alerts_by_tier: Counter[str] = field(default_factory=Counter)
    without_cause: Counter[str] = field(default_factory=Counter)
    sole_cause: Counter[str] = field(default_factory=Counter)
    swept: Counter[str] = field(default_factory=Counter)
    alerting: Counter[str] = field(default_factory=Counter)
    sent: Counter[int] = field(default_factory=Counter)
    alerted: Counter[tuple[int, str]] = field(default_factory=Counter)
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    tiers: dict[str, str] = field(default_factory=dict)
    pains: dict[tuple[str, str, int], Spread] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count one more patient."""
        self.patients += 1
        self.patient_days += outcome.days_at_home
        self.due += outcome.due
        self.patients_alerted += any(one.alerts for one in outcome.check_ins)
        for one in outcome.check_ins:
            self._add_check_in(one)
        self.swept.update(one.rule_id for one in outcome.swept)
        for verdict in outcome.verdicts:
            self.verdicts[verdict.complication, verdict.outcome] += 1
            self.tiers[verdict.complication] = verdict.tier
        for item, day, pain in outcome.pains:
            self.pains.setdefault((outcome.procedure, item, day), Spread()).add(pain)

    def _add_check_in(self, one: Answered) -> None:
        self.check_ins += 1
        self.sent[one.day] += 1
        self.with_findings += bool(one.findings)
        self.findings.update(rule for rule, _ in one.findings)
        self.alerts.update(alert.rule_id for alert in one.alerts)
        self.alerts_by_tier.update(alert.tier for alert in one.alerts)
        self.without_cause.update(one.without_cause)
        if one.alerts:
            self.with_alerts += 1
            strictest = min((alert.tier for alert in one.alerts), key=TIERS.index)
            self.alerting[strictest] += 1
            self.alerted[one.day, strictest] += 1
        if len({alert.rule_id for alert in one.alerts}) == 1:
            self.sole_cause[one.alerts[0].rule_id] += 1

    def of_complication(self, code: str, *outcomes: str) -> int:
        """Return how many of a complication ended so."""
        return sum(self.verdicts[code, outcome] for outcome in outcomes)

    def unanswered_emergencies(self) -> list[str]:
        """Return the planted emergencies that were told and not answered as such at once."""
        return sorted(
            code
            for code, tier in self.tiers.items()
            if tier == TIERS[0] and self.of_complication(code, LATE, MISSED)
        )

    def told(self, code: str) -> int:
        """Return how many of a complication check-ins told of."""
        return self.of_complication(code, FOUND, LATE, MISSED)


def outcomes(
    patients: int,
    assumptions: Assumptions,
    rules: RedFlagRules,
    *,
    seed: int,
    planting: Planting | None = None,
    processes: int = 1,
) -> Iterator[Outcome]:
    """Yield the outcomes in order of number; how many processes share them changes nothing."""
    live = partial(
        live_and_judge,
        seed=seed,
        assumptions=assumptions,
        rules=rules,
        planting=planting or Planting(),
    )
    if processes == 1:
        yield from map(live, range(patients))
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(live, range(patients), chunksize=_CHUNK)


def total(found: Iterable[Outcome]) -> Totals:
    """Add up outcomes."""
    totals = Totals()
    for one in found:
        totals.add(one)
    return totals
