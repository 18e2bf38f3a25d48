"""One patient's twelve weeks put to the real engine, check-in by check-in, as they arrive."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from random import Random

from recovery_service.domain.judgement import Judged, judge_report
from recovery_service.domain.red_flag_rules import TIERS, RedFlagRules
from recovery_service.domain.red_flags import Situation, evaluate
from simulations.alert_books import Alert, AlertBooks
from simulations.assumptions import Assumptions
from simulations.diaries import SURGERY, CheckIn, Diary, keep_diary
from simulations.patients import Planted, Planting, draw_patient

Facts = Mapping[str, float | None]

FOUND, LATE, MISSED = "found", "late", "missed"
NOT_TOLD, IN_HOSPITAL = "not told", "in hospital"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a planted complication.

    `found`: the first check-in that told of it (or, where the rule asks for a course,
    the first that completed one) was answered by one of its rules at its tier or a
    stricter one. `late`: a later one was. `missed`: none was. `not told`: no check-in,
    or too few, carried the symptom. `in hospital`: it began before the discharge.
    """

    complication: str
    tier: str
    outcome: str
    from_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A check-in: its day, what it met (rule and tier), and which alerts it raised."""

    day: int
    findings: tuple[tuple[str, str], ...]
    alerts: tuple[Alert, ...]
    without_cause: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One patient, judged. `swept`: alerts of what was not done; `pains`: (item, day, pain).

    `days_at_home` are what rates per 100 patient-days count by.
    """

    number: int
    procedure: str
    check_ins: tuple[Answered, ...]
    swept: tuple[Alert, ...]
    verdicts: tuple[Verdict, ...]
    pains: tuple[tuple[str, int, int], ...]
    days_at_home: int
    due: int


def live_and_judge(
    number: int, seed: int, assumptions: Assumptions, rules: RedFlagRules, planting: Planting
) -> Outcome:
    """Draw the patient of that number and judge what they send; the seed decides all."""
    random = Random(f"{seed}/{number}")
    patient = draw_patient(number, assumptions, planting, random)
    diary = keep_diary(patient, assumptions, rules.catalogue, random, reliable=planting.drill)
    return judge(diary, assumptions, rules)


def judge(diary: Diary, assumptions: Assumptions, rules: RedFlagRules) -> Outcome:
    """Put a diary to the rules in the order of arrival, the ends of days in between."""
    patient = diary.patient
    findings = [_findings(diary, place, rules) for place in range(len(diary.check_ins))]
    books = AlertBooks(
        {rule.id: rule for rule in rules.rules},
        {tier: int(assumptions.figures[f"resolved_after_days_{tier}"]) for tier in TIERS},
    )
    answered: list[Answered] = []
    swept: list[Alert] = []
    ends = list(_days_with_a_miss(diary))
    for check_in, found in zip(diary.check_ins, findings, strict=True):
        arrived = (check_in.received_at.date() - SURGERY).days
        while ends and ends[0][0] < arrived:
            swept += _swept(diary, *ends.pop(0), rules, books)
        alerts = books.enter(found, at=check_in.received_at)
        answered.append(_answered(check_in, found, alerts))
    for day, facts in ends:
        swept += _swept(diary, day, facts, rules, books)
    return Outcome(
        number=patient.number,
        procedure=patient.procedure,
        check_ins=tuple(answered),
        swept=tuple(swept),
        verdicts=tuple(_verdict(one, diary, findings) for one in patient.planted),
        pains=_pains(diary),
        days_at_home=len(diary.days) - patient.discharge_day,
        due=len(diary.due),
    )


def _findings(diary: Diary, place: int, rules: RedFlagRules) -> tuple[Judged, ...]:
    """Judge a check-in as the service does: on its own date, and the later ones it changes."""
    check_in = diary.check_ins[place]
    situation = Situation(
        episode_id=check_in.episode_id,
        procedure=diary.patient.procedure,
        surgery_date=SURGERY,
        local_date=check_in.local_date,
    )
    return judge_report(rules, diary.check_ins[:place], check_in, situation)


def _answered(
    check_in: CheckIn, findings: tuple[Judged, ...], alerts: tuple[Alert, ...]
) -> Answered:
    asked_for = {rule for one in check_in.tells for rule in one.complication.rules}
    return Answered(
        day=check_in.day,
        findings=tuple((one.finding.rule_id, one.finding.tier) for one in findings),
        alerts=alerts,
        without_cause=tuple(one.rule_id for one in alerts if one.rule_id not in asked_for),
    )


def _days_with_a_miss(diary: Diary) -> Iterator[tuple[int, Facts]]:
    """Yield the days at home that end with something not done, and what the service counts."""
    sent = {one.day for one in diary.check_ins}
    due = set(diary.due)
    missed = 0
    for day in diary.days[diary.patient.discharge_day :]:
        silent = day.day in due and day.day not in sent
        missed = 0 if day.day in sent else missed + silent
        if silent or day.idle:
            yield day.day, {"check_ins_missed": missed, "sessions_share": day.sessions_share}


def _swept(
    diary: Diary, day: int, facts: Facts, rules: RedFlagRules, books: AlertBooks
) -> tuple[Alert, ...]:
    """Judge the end of a day by what was not done, as the service's sweep does."""
    on = SURGERY + timedelta(days=day)
    situation = Situation(
        episode_id=diary.episode_id,
        procedure=diary.patient.procedure,
        surgery_date=SURGERY,
        local_date=on,
        facts=facts,
    )
    found = [Judged(finding=one, about=on, new=True) for one in evaluate(rules, (), situation)]
    return books.enter(found, at=datetime.combine(on, time.max, tzinfo=UTC))


def _verdict(one: Planted, diary: Diary, findings: list[tuple[Judged, ...]]) -> Verdict:
    telling = [place for place, each in enumerate(diary.check_ins) if one in each.tells]
    must = _complete(telling, one.complication.tellings, diary)
    answered = [place for place in telling if _is_answered(one, findings[place])]
    return Verdict(
        complication=one.complication.code,
        tier=one.complication.tier,
        outcome=_outcome(one, must, answered),
        from_day=one.from_day,
    )


def _complete(telling: list[int], tellings: int, diary: Diary) -> list[int]:
    """Return the places from which on so many days have told of it."""
    days = [diary.check_ins[place].day for place in telling]
    return [
        place
        for place, n in zip(telling, range(1, len(days) + 1), strict=True)
        if len(set(days[:n])) >= tellings
    ]


def _outcome(one: Planted, must: list[int], answered: list[int]) -> str:
    if one.in_hospital:
        return IN_HOSPITAL
    if not must:
        return NOT_TOLD
    if not answered:
        return MISSED
    return FOUND if answered[0] <= must[0] else LATE


def _is_answered(one: Planted, findings: tuple[Judged, ...]) -> bool:
    wanted = TIERS.index(one.complication.tier)
    return any(
        each.finding.rule_id in one.complication.rules and TIERS.index(each.finding.tier) <= wanted
        for each in findings
    )


def _pains(diary: Diary) -> tuple[tuple[str, int, int], ...]:
    """Return what was answered about pain, the trouble of the days in it."""
    return tuple(
        (item, one.day, one.answers[item])
        for one in diary.check_ins
        for item in diary.patient.levels
        if item in one.answers
    )
