"""What a patient sends: check-ins on the forms of the service, as phones bring them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import UUID

from recovery_service.domain.check_in_forms import Catalogue, Form, form_for
from simulations.assumptions import Assumptions
from simulations.bodies import Day, days_of, told_answers
from simulations.patients import LAST_DAY, Patient, Planted

SURGERY = date(2026, 3, 2)
_MORNING, _EVENING = time(9, tzinfo=UTC), time(20, tzinfo=UTC)
#: Warning answers that a finger may hit by mistake.
_MIS_TAPS: tuple[tuple[str, Any], ...] = (
    ("saddle_numb", True),
    ("bladder_bowel", "lost_control"),
    ("chest", "chest_pain"),
    ("chest", "breathless"),
    ("calf", "left"),
    ("headache", "worse_upright"),
    ("wound", "open"),
    ("wound", "clear_watery"),
    ("drowsiness", "marked"),
    ("fall", True),
    ("felt_feverish", True),
    ("neck_swelling", True),
    ("hands_clumsy", True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """A check-in as the engine reads it, with what the truth about its day is.

    `tells`: the planted complications of which it carries the symptom.
    """

    id: UUID
    episode_id: UUID
    local_date: date
    recorded_at: datetime
    received_at: datetime
    answers: Mapping[str, Any]
    note: str | None
    supersedes: UUID | None = None
    issues: Sequence[Mapping[str, Any]] = ()
    tells: tuple[Planted, ...] = ()

    @property
    def day(self) -> int:
        """The days since surgery."""
        return (self.local_date - SURGERY).days


@dataclass(frozen=True, slots=True, kw_only=True)
class Diary:
    """All that one patient sent, in the order of arrival, and how they were.

    `due`: the days at home on which the whole form was due.
    """

    patient: Patient
    check_ins: tuple[CheckIn, ...]
    days: tuple[Day, ...]
    due: tuple[int, ...]

    @property
    def episode_id(self) -> UUID:
        """The patient's one episode."""
        return _episode_of(self.patient)


def keep_diary(
    patient: Patient,
    assumptions: Assumptions,
    catalogue: Catalogue,
    random: Random,
    *,
    reliable: bool = False,
) -> Diary:
    """Live twelve weeks; `reliable`: no day with a symptom goes without a check-in."""
    days = tuple(days_of(patient, assumptions, random))
    writing = _Writing(patient, assumptions.figures, catalogue, random, reliable=reliable)
    sent = [one for day in days for one in writing.of_day(day)]
    return Diary(
        patient=patient,
        check_ins=tuple(sorted(sent, key=lambda one: (one.received_at, one.id))),
        days=days,
        due=tuple(each.day for each in days if writing.is_due(each.day)),
    )


@dataclass(slots=True)
class _Writing:
    """A patient at the phone."""

    patient: Patient
    figures: Mapping[str, float]
    catalogue: Catalogue
    random: Random
    reliable: bool = False
    sent: int = 0
    owed: tuple[Planted, ...] = ()
    forms: dict[bool, Form] = field(default_factory=dict)

    def is_due(self, day: int) -> bool:
        return self._at_home(day) and self.catalogue.is_due(day)

    def of_day(self, day: Day) -> Iterator[CheckIn]:
        """Yield what is sent about a day; none, one, or several."""
        day = self._with_what_is_owed(day)
        if not self._at_home(day.day) or not self._answers(day):
            return
        self.owed = ()
        yield from self._corrected(day, self._written(day, _MORNING))
        if self._happens("second_of_the_day"):
            yield self._written(day, _EVENING)

    def _with_what_is_owed(self, day: Day) -> Day:
        """Add what happened since the last check-in and is asked for as that."""
        before = {item: answer for one in self.owed
                  for item, answer in told_answers(one.variant, self.patient).items()}  # fmt: skip
        felt = (*self.owed, *day.felt)
        self.owed = tuple(one for one in felt if one.complication.once)
        return replace(day, answers={**day.answers, **before}, felt=felt)

    def _at_home(self, day: int) -> bool:
        away = any(one.to_day < day <= one.away_until for one in self.patient.planted)
        return day >= self.patient.discharge_day and not away

    def _answers(self, day: Day) -> bool:
        if self.reliable and day.felt:
            return True
        lost = self.figures["answered_lost_by_the_end"] * day.day / LAST_DAY
        due = max(self.patient.answered - lost, 0) if self.is_due(day.day) else 0.0
        off = self.figures["answered_when_unwell" if day.felt else "answered_on_off_days"]
        return self.random.random() < max(due, off)

    def _happens(self, figure: str) -> bool:
        return self.random.random() < self.figures[figure]

    def _written(self, day: Day, at: time, **more: Any) -> CheckIn:
        answers = self._filled(day)
        on = SURGERY + timedelta(days=day.day)
        recorded = datetime.combine(on, at) + timedelta(minutes=self.random.randint(0, 90))
        late = timedelta(days=self.random.randint(1, 2) * self._happens("arrives_late"))
        self.sent += 1
        return CheckIn(
            id=UUID(int=self.patient.number * 1000 + self.sent),
            episode_id=_episode_of(self.patient),
            local_date=on,
            recorded_at=recorded,
            received_at=recorded + late,
            answers=answers,
            note=day.note,
            tells=tuple(one for one in day.felt if _tells(one, answers, day, self.patient)),
            **more,
        )

    def _filled(self, day: Day) -> dict[str, Any]:
        """Return the answers on the day's form: what is asked, shown, and not left out."""
        answers: dict[str, Any] = {}
        felt = {item for one in day.felt for item in one.variant.answers}
        for item in self._form(day.day).items:
            code = item["code"]
            if not _is_shown(item.get("show_if"), answers) or code not in day.answers:
                continue
            if code in felt or not self._left_out(code, day, safety=item["safety"]):
                answers[code] = day.answers[code]
        return answers

    def _form(self, day: int) -> Form:
        """Return the day's form; there are two, the whole one and that of the days between."""
        due = self.catalogue.is_due(day)
        if due not in self.forms:
            self.forms[due] = form_for(
                self.catalogue,
                procedure=self.patient.procedure,
                days_since_surgery=day,
                language="en",
            )
        return self.forms[due]

    def _left_out(self, code: str, day: Day, *, safety: bool) -> bool:
        if code == "temp_c":
            hot = day.answers["felt_feverish"]
            taken = "temperature_taken_when_hot" if hot else "temperature_taken"
            return not (self.patient.thermometer and self._happens(taken))
        if self.patient.caregiver and code in ("mood", "confidence"):
            return True
        return self._happens("left_out_safety" if safety else "left_out_other")

    def _corrected(self, day: Day, check_in: CheckIn) -> Iterator[CheckIn]:
        """Yield the check-in, now and then with a slip of the finger and its correction."""
        if not self._happens("mis_tap"):
            yield check_in
            return
        asked = [tap for tap in _MIS_TAPS if tap[0] in check_in.answers]
        item, answer = self.random.choice(asked)
        yield replace(check_in, answers={**check_in.answers, item: answer})
        if self._happens("mis_tap_corrected"):
            yield self._written(day, _EVENING, supersedes=check_in.id)


def _episode_of(patient: Patient) -> UUID:
    return UUID(int=patient.number + 1)


def _is_shown(show_if: Mapping[str, Any] | None, answers: Mapping[str, Any]) -> bool:
    if show_if is None:
        return True
    answer = answers.get(show_if["item"])
    if answer is None:
        return False
    if "at_least" in show_if:
        return bool(answer >= show_if["at_least"])
    return answer in show_if["in"]


def _tells(one: Planted, answers: Mapping[str, Any], day: Day, patient: Patient) -> bool:
    """Say whether the answers carry the symptom as it was planted."""
    told = told_answers(one.variant, patient)
    raised = [item for item in day.pains if one.variant.adds]
    return all(answers.get(item) == answer for item, answer in told.items()) and all(
        item in answers for item in raised
    )
