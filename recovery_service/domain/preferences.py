"""What a patient prefers about reminders: merging a change, and what it means.

Preferences are JSON: ``quiet_hours {from, to}``, ``reminder_times {item_or_kind:
{slot: "HH:MM"}}``, ``channels {kind: [channel]}``, ``pause {from, to}``,
``sitting_breaks {enabled, most}``, ``failover``. What is absent is the default.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from recovery_service.domain.recurrence_rules import Rule
from recovery_service.domain.reminder_kinds import REMINDER_KINDS
from recovery_service.domain.reminder_policy import FAILOVERS
from recovery_service.errors import FieldError

#: What a patient may choose, and the channels of destinations that each stands for.
CHANNELS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "push": frozenset({"webpush", "fcm", "apns"}),
        "email": frozenset({"email"}),
        "sms": frozenset({"sms"}),
        "inbox": frozenset({"inbox"}),
    }
)

#: Where what is not known to have arrived goes by the patient's own choice.
FAILOVER_CHOICES = (*FAILOVERS, "none")
MOST_BREAKS = 20

#: Where reminders go unless the patient says otherwise.
IN_THE_APP = ("push", "inbox")

_MINUTES_AN_HOUR = 60


def merge_patch(target: Any, patch: Any) -> Any:
    """Return the document with a JSON merge patch (RFC 7396) applied; null removes."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def muted_kinds(
    preferences: Mapping[str, Any], channel: str, *, contact_mode: str = "app"
) -> list[str]:
    """Return the kinds of which a channel carries nothing, in order.

    Who has the app is reminded there, and by e-mail or SMS only of what they chose;
    who has not is reached wherever there is an address.
    """
    chosen = preferences.get("channels", {})
    usual = IN_THE_APP if contact_mode == "app" else tuple(CHANNELS)
    return sorted(
        kind
        for kind in {*REMINDER_KINDS, *chosen}
        if not any(channel in CHANNELS.get(name, ()) for name in chosen.get(kind, usual))
    )


def preference_errors(
    merged: Mapping[str, Any],
    patch: Mapping[str, Any],
    items: Iterable[tuple[tuple[str, ...], Rule]],
) -> list[FieldError]:
    """Return what is wrong with what a patch made of the preferences.

    Only what the patch touches is judged: a choice for an item that has since left
    the plan must not stand in the way of another. `items` are the plan's: the names
    by which each can be chosen (lineage, code, kind), and its rule. Pointers begin
    at ``/preferences``.
    """
    found = [
        *_window_errors(_touched(merged, patch)),
        *_channel_errors(_touched(merged.get("channels"), patch.get("channels"))),
        *_time_errors(merged.get("reminder_times"), patch.get("reminder_times"), list(items)),
    ]
    return [FieldError(f"/preferences{pointer}", message) for pointer, message in found]


def _touched(merged: Mapping[str, Any] | None, patch: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: merged[name] for name in patch or {} if merged and name in merged}


def _window_errors(touched: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("quiet_hours", "pause"):
        window = touched.get(name)
        if window is None:
            continue
        missing = [end for end in ("from", "to") if end not in window]
        yield from ((f"/{name}/{end}", "Is required.") for end in missing)
        if not missing and name == "quiet_hours" and window["from"] == window["to"]:
            yield f"/{name}/to", "Must differ from the beginning."
        # Dates in ISO form sort as texts.
        if not missing and name == "pause" and window["from"] > window["to"]:
            yield f"/{name}/to", "Must not be before the beginning."


def _channel_errors(touched: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    for kind, chosen in touched.items():
        if kind not in REMINDER_KINDS:
            yield f"/channels/{escaped(kind)}", "There is no such kind of reminder."
        for position, name in enumerate(chosen):
            if name not in CHANNELS:
                message = f"Must be one of {', '.join(CHANNELS)}."
                yield f"/channels/{escaped(kind)}/{position}", message


def _time_errors(
    merged: Mapping[str, Mapping[str, str]] | None,
    patch: Mapping[str, Mapping[str, str] | None] | None,
    items: list[tuple[tuple[str, ...], Rule]],
) -> Iterator[tuple[str, str]]:
    for name, chosen in _touched(merged, patch).items():
        pointer = f"/reminder_times/{escaped(name)}"
        rules = [rule for names, rule in items if name in names]
        if not rules:
            known = name in REMINDER_KINDS
            message = "Your plan has no such item." if known else "There is no such item or kind."
            yield pointer, message
            continue
        slots = {slot for rule in rules for slot, _ in rule.slots}
        for slot in _touched(chosen, (patch or {})[name]).keys() - slots:
            yield f"{pointer}/{escaped(slot)}", "There is no such slot."
        # Several items of a kind may clash alike.
        yield from {clash for rule in rules for clash in _clashes(pointer, rule, chosen)}


def _clashes(pointer: str, rule: Rule, chosen: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield which times cannot stand together in one rule: two slots at once."""
    standing = dict(rule.slots)
    times = standing | {slot: _minute(at) for slot, at in chosen.items() if slot in standing}
    for slot in chosen.keys() & standing.keys():
        if list(times.values()).count(times[slot]) > 1:
            yield f"{pointer}/{escaped(slot)}", "Another slot has this time."


def escaped(name: str) -> str:
    """Return a name as a part of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * _MINUTES_AN_HOUR + int(minutes)
