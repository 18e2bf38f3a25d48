"""Why a reminder came, waits or did not come: every code, once, and which sentence says it.

The sentences are texts under `why.` in each language, the same for the patient, for staff
and for operators. What a provider answered is worded once (`why.trouble.`) and told with
what followed from it: another try, or none.
"""

from typing import NamedTuple

from recovery_service.domain.interruptions import (
    BACKED_OFF,
    BREAK_CAP,
    BUNDLED,
    OVER_BUDGET,
    PAUSED,
    QUIET_HOURS,
    TAPERED,
)

CAUSES = frozenset({"due", "late", "takeover", "snooze", "nudge", "failover"})
"""Why a delivery was written."""

WAITED = frozenset({QUIET_HOURS, OVER_BUDGET, PAUSED})
"""What holds one back that is still sent later."""

SENT = CAUSES | WAITED | {BUNDLED}
"""Why one went out when it did."""

WAITS = WAITED | {"with_the_lead", "turn", "sending", "snooze", "nudge", "failover"}
"""What one waits for that nobody has refused."""

WITHHELD = frozenset({QUIET_HOURS, OVER_BUDGET, BREAK_CAP, TAPERED, BACKED_OFF, PAUSED, BUNDLED})
"""What the patient's day left no room for, or was told by another push: not nagging."""

OVERTAKEN = frozenset(
    {
        "expired",
        "completed",
        "done",
        "skipped",
        "snoozed",
        "superseded",
        "confirmed",
        "cancelled",
        "item_removed",
        "phase_waits",
        "restricted",
        "on_hold",
        "episode_on_hold",
        "episode_ended",
        "episode_not_open",
        "appointment_moved",
        "appointment_booked",
        "appointment_cancelled",
        "appointment_attended",
        "appointment_missed",
        "appointment_outcome_unknown",
        "confirm",
        "request_change",
        "booked_elsewhere",
    }
)
"""What had become of the thing itself before its reminder could go out."""

UNREACHABLE = frozenset({"destination_retired", "opted_out", "muted", "no_channel"})
"""What had become of where it was to go."""

NOT_SENT = (WITHHELD - {BUNDLED}) | OVERTAKEN | UNREACHABLE

TROUBLES = frozenset(
    {
        "bad_address",
        "bad_message",
        "bad_subscription",
        "bad_token",
        "broken",
        "connection_lost",
        "gone",
        "no_address",
        "no_tls",
        "not_silent",
        "not_tried",
        "opted_out",
        "phone_off",
        "provider_error",
        "provider_refused",
        "provider_rejected",
        "redirected",
        "refused",
        "throttled",
        "timeout",
        "too_large",
        "uncertain",
        "unreachable",
        "unresolved",
        "unsafe_endpoint",
        "untrusted",
        "wrong_project",
        "wrong_topic",
    }
)
"""What a channel answered, or why it could not ask."""

OCCURRENCES = frozenset(
    {
        "not_answered",
        "paused",
        "not_delivered",
        "not_reminded",
        "left_to_device",
        "no_destination",
        "superseded_after_downtime",
        "expired_during_downtime",
        "not_caught_up",
        "passed_before_start",
        "by_patient",
        "retired",
        "check_in",
        "item_removed",
        "phase_waits",
        "restricted",
        "on_hold",
        "episode_ended",
        "episode_not_open",
        "appointment_moved",
        "appointment_booked",
        "appointment_cancelled",
        "appointment_attended",
        "appointment_missed",
        "appointment_outcome_unknown",
        "confirm",
        "request_change",
        "booked_elsewhere",
    }
)
"""Why what was planned itself ended as it did."""

OTHER = "other"


class Why(NamedTuple):
    """The text that says why: its key, and that of the trouble it tells of."""

    key: str
    trouble: str | None = None


def why(state: str, cause: str, reason: str | None) -> Why:
    """Return which sentence tells why a delivery stands as it does.

    `state`, `cause` and `reason` are the delivery's own.
    """
    if state == "sent":
        return Why(f"why.sent.{reason if reason in SENT else cause}")
    if state in ("ready", "leased"):
        return _waits(state, cause, reason)
    if reason in NOT_SENT and state == "dropped":
        return Why(f"why.not_sent.{reason}")
    if reason == "uncertain":
        return Why("why.trouble.uncertain")
    if reason in TROUBLES:
        return Why("why.given_up", f"why.trouble.{reason}")
    return Why(f"why.not_sent.{reason if reason in NOT_SENT else OTHER}")


def why_planned(reason: str | None) -> Why | None:
    """Return which sentence tells why an occurrence ended; None where nothing is to be told."""
    if reason is None:
        return None
    return Why(f"why.planned.{reason if reason in OCCURRENCES else OTHER}")


def _waits(state: str, cause: str, reason: str | None) -> Why:
    if state == "leased":
        return Why("why.waits.sending")
    if reason in TROUBLES:
        return Why("why.again", f"why.trouble.{reason}")
    if reason in WAITS:
        return Why(f"why.waits.{reason}")
    return Why(f"why.waits.{cause if cause in WAITS else 'turn'}")


def keys() -> frozenset[str]:
    """Return the key of every text that `why` may ask for."""
    return frozenset(
        [f"why.sent.{code}" for code in SENT]
        + [f"why.waits.{code}" for code in WAITS]
        + [f"why.not_sent.{code}" for code in NOT_SENT | {OTHER}]
        + [f"why.trouble.{code}" for code in TROUBLES]
        + [f"why.planned.{code}" for code in OCCURRENCES | {OTHER}]
        + ["why.again", "why.given_up"]
    )
