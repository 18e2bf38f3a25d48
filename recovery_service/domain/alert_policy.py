"""How soon an alert asks for a look, and for how long an episode is watched: content."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from recovery_service.domain.content_fields import ContentError, Fields
from recovery_service.domain.escalation import MOST
from recovery_service.domain.opening_times import OpeningTimes
from recovery_service.domain.red_flag_rules import TIERS

FILE = "alert_policy.toml"
_STATUS = "draft_pending_clinician_signoff"
_MOST_MINUTES, _MOST_DAYS, _MOST_WATCHED = 7 * 24 * 60, 14, 730


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How soon one tier is looked at; minutes and days of opening (see the file).

    `tell_patient` is at how many lapses the patient is told, `tell_in_quiet_hours` whether
    their quiet hours hold that back.
    """

    within_minutes: int | None
    same_day_minutes: int | None
    by_open_day: int | None
    escalate_minutes: int
    tell_patient: int
    tell_in_quiet_hours: bool

    def respond_by(self, times: OpeningTimes, at: datetime) -> datetime | None:
        """Return by when somebody has to have looked; None where the hours do not say."""
        if self.by_open_day is not None:
            return times.end_of_open_day(at, self.by_open_day)
        due = times.after(at, self.within_minutes or 0)
        closes = times.closes(at)
        if due is None or closes is None or self.same_day_minutes is None or due <= closes:
            return due
        enough = times.after(at, self.same_day_minutes)
        return closes if enough is not None and enough <= closes else due

    def escalate_by(self, times: OpeningTimes, at: datetime) -> datetime | None:
        """Return by when the next people have to have looked, once `respond_by` has lapsed."""
        return times.after(at, self.escalate_minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPolicy:
    """The pace of each tier, and the last day since surgery on which anybody looks.

    `budget` is the share of check-ins that may alert: an aim, and nothing is held back for it.
    """

    version: int
    status: str
    monitored_days: int
    budget: float
    paces: Mapping[str, Pace]

    def monitored_until(
        self, chosen: date | None, *, surgery_date: date | None, discharge_date: date
    ) -> date:
        """Return the last date on which check-ins are looked at, as chosen or by the policy."""
        return chosen or (surgery_date or discharge_date) + timedelta(days=self.monitored_days)


def parse_alert_policy(raw: Mapping[str, Any], *, sources: Mapping[str, str]) -> AlertPolicy:
    """Read the policy; raises ContentError."""
    fields = Fields(raw, FILE, "policy")
    fields.only("version", "status", "source", "clinician_must_confirm", "monitored_days",
                "alert_budget", "tiers")  # fmt: skip
    for key in fields.values("source"):
        if key not in sources:
            fields.refuse(f"unknown source {key!r}")
    tiers = fields.table("tiers")
    tiers.only(*TIERS)
    return AlertPolicy(
        version=fields.integer("version", 1, 1_000_000),
        status=fields.choice("status", (_STATUS,)),
        monitored_days=fields.integer("monitored_days", 1, _MOST_WATCHED),
        budget=fields.number("alert_budget", 0.001, 1),
        paces={tier: _pace(tiers.table(tier), tier) for tier in TIERS},
    )


def _pace(fields: Fields, tier: str) -> Pace:
    fields = Fields(fields.raw, FILE, f"tiers/{tier}")
    fields.only(
        "respond_within_open_minutes",
        "same_day_if_minutes_left",
        "respond_by_open_day",
        "escalate_within_open_minutes",
        "tell_patient_at_lapses",
        "in_quiet_hours",
    )
    pace = Pace(
        within_minutes=fields.optional_integer("respond_within_open_minutes", 1, _MOST_MINUTES),
        same_day_minutes=fields.optional_integer("same_day_if_minutes_left", 1, _MOST_MINUTES),
        by_open_day=fields.optional_integer("respond_by_open_day", 1, _MOST_DAYS),
        escalate_minutes=fields.integer("escalate_within_open_minutes", 1, _MOST_MINUTES),
        tell_patient=fields.integer("tell_patient_at_lapses", 0, MOST),
        tell_in_quiet_hours=fields.choice("in_quiet_hours", ("tell", "wait")) == "tell",
    )
    if (pace.within_minutes is None) == (pace.by_open_day is None):
        raise ContentError(FILE, fields.item, "must have minutes or an open day, and not both")
    return pace
