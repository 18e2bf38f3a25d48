"""What is put to both evaluators, and how it and what they find look in JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from recovery_service.domain.emergency_numbers import Directory
from recovery_service.domain.red_flag_rules import RedFlagRules
from recovery_service.domain.red_flags import Finding, Situation, evaluate
from recovery_service.domain.safety_bundle import bundle_of, issue
from tests.domain.red_flag_cases import CONTENT, EPISODE, RULES, SURGERY, Told
from tests.safety_rules.vocabulary import BROAD_RULES, BROAD_WORDS

#: When the phone has not sent a check-in yet, nobody has received it.
UNSENT = datetime.max.replace(tzinfo=UTC)
VOCABULARY = "vocabulary"
_ISSUED = datetime(2026, 3, 4, 12, tzinfo=UTC)
_PHONES = {"clinic": "+442079460000", "emergency": "999", "crisis": "116123"}
_AT_HOME = Directory(phones=_PHONES, abroad=False, is_open=False)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One patient on one day, by the rules of one bundle."""

    name: str
    bundle: str
    check_ins: Sequence[Told]
    day: date
    surgery: date | None = SURGERY
    facts: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def rules(self) -> RedFlagRules:
        """The rules that the bundle was made of."""
        return BROAD_RULES if self.bundle == VOCABULARY else RULES

    def situation(self) -> Situation:
        """Return whose check-ins are judged, and as of which day."""
        return Situation(
            episode_id=EPISODE,
            procedure=procedure_of(self.bundle),
            surgery_date=self.surgery,
            local_date=self.day,
            facts=self.facts,
        )

    def findings(self) -> tuple[Finding, ...]:
        """Return what the service finds."""
        return evaluate(self.rules, self.check_ins, self.situation())

    def situation_as_json(self) -> dict[str, Any]:
        """Return the situation as a phone has it."""
        found: dict[str, Any] = {
            "episode_id": str(EPISODE),
            "surgery_date": self.surgery.isoformat() if self.surgery else None,
            "local_date": self.day.isoformat(),
        }
        return found | ({"facts": dict(self.facts)} if self.facts else {})

    def check_ins_as_json(self) -> list[dict[str, Any]]:
        """Return the check-ins as a phone has them."""
        return [check_in_as_json(each) for each in self.check_ins]


def procedure_of(bundle: str) -> str:
    """Return the procedure of a bundle by its name."""
    return "deformity_correction" if bundle == VOCABULARY else bundle


def bundle_documents() -> dict[str, dict[str, Any]]:
    """Return every bundle of the vectors, by name, as a phone gets it."""
    made = {
        name: bundle_of(RULES, CONTENT.crisis_words, procedure=name)
        for name in sorted({name for rule in RULES.rules for name in rule.procedures})
    }
    made[VOCABULARY] = bundle_of(BROAD_RULES, BROAD_WORDS, procedure=procedure_of(VOCABULARY))
    return {
        name: issue(bundle, CONTENT, directory=_AT_HOME, time_zone="Europe/London", now=_ISSUED)
        for name, bundle in made.items()
    }


def check_in_as_json(told: Told) -> dict[str, Any]:
    """Return a check-in as `GET /me/check-ins` has it; an unsent one without what we add."""
    found: dict[str, Any] = {
        "id": str(told.id),
        "date": told.local_date.isoformat(),
        "recorded_at": told.recorded_at.isoformat(),
        "answers": told.answers,
    }
    if told.received_at != UNSENT:
        found |= {
            "episode_id": str(told.episode_id),
            "received_at": told.received_at.isoformat(),
        }
    if told.note is not None:
        found["note"] = told.note
    if told.supersedes is not None:
        found["supersedes"] = str(told.supersedes)
    if told.issues:
        found["issues"] = [dict(each) for each in told.issues]
    return found


def findings_as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return the service's findings as a phone would tell them."""
    return [
        {
            "rule": one.rule_id,
            "version": one.rule_version,
            "tier": one.tier,
            "day_assumed": one.day_assumed,
            "title": dict(one.title),
            "text": dict(one.text),
            "facts": [
                {
                    "item": fact.item,
                    "value": fact.value,
                    "local_date": fact.local_date.isoformat(),
                    "comparison": dict(fact.comparison),
                }
                for fact in one.facts
            ],
        }
        for one in findings
    ]


def in_the_vectors(finding: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the vectors hold of a finding: of its texts the English one of the tier."""
    kept = {name: value for name, value in finding.items() if name not in {"title", "text"}}
    return {**kept, "text_en": finding["text"]["en"]}


def on(day: int) -> date:
    """Return the date of a day since surgery."""
    return SURGERY + timedelta(days=day)
