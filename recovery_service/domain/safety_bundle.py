"""The red-flag rules of one procedure in one document, for phones without a network.

The document is the same for everybody with the procedure; `issue` adds whom to call and
until when. `docs/safety_rules.md` says what each member means, precisely enough to
evaluate it in another language; `contract/safety_rules/` holds the vectors to pass.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from recovery_service.domain.check_in_items import Catalogue, CheckInItem
from recovery_service.domain.content import Content
from recovery_service.domain.crisis_words import CrisisWords
from recovery_service.domain.emergency_numbers import Directory
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.domain.red_flag_conditions import Condition, FactIs
from recovery_service.domain.red_flag_reach import items_of
from recovery_service.domain.red_flag_rules import TIERS, RedFlagRule, RedFlagRules
from recovery_service.domain.safety_conditions import ways_as_json

FORMAT = 1
# Issued for the week, so that asking again within it answers that nothing has changed.
VALID_FOR = timedelta(weeks=5)
_HASH_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class SafetyBundle:
    """The rules of a procedure as JSON.

    `content_hash` is the SHA-256 (hex) of `document` in canonical JSON without the
    members `version` and `content_hash`; `version` is the rules' declared one and the
    first digits of the hash, so it changes with every edit of anything in it.
    """

    procedure: str
    version: str
    content_hash: str
    document: Mapping[str, Any]


def bundles_of(content: Content) -> dict[str, SafetyBundle]:
    """Return the bundle of every procedure, by its name."""
    return {
        name: bundle_of(content.red_flags, content.crisis_words, procedure=name)
        for name in PROCEDURES
    }


def bundle_of(rules: RedFlagRules, crisis_words: CrisisWords, *, procedure: str) -> SafetyBundle:
    """Return one procedure's rules with all that evaluating them needs.

    The items are those that the rules read and the questions that these follow, in the
    order of the catalogue; any other answer meets nothing. `server_only` names the rules
    that read what only the service knows: a phone that finds nothing there knows nothing.
    """
    own = [rule for rule in rules.rules if procedure in rule.procedures]
    document = {
        "format": FORMAT,
        "status": rules.status,
        "procedure": procedure,
        "rules_version": rules.version,
        "form_version": rules.catalogue.form_version,
        "tiers": list(TIERS),
        "rules": [_rule(rule, procedure) for rule in own],
        "server_only": [
            rule.id for rule in own if any(map(_is_known_here_only, _conditions(rule)))
        ],
        "items": [_item(item) for item in _needed(own, rules.catalogue)],
        "crisis_words": _crisis_words(crisis_words),
    }
    digest = hashlib.sha256(canonical(document)).hexdigest()
    version = f"{rules.version}-{digest[:_HASH_DIGITS]}"
    return SafetyBundle(
        procedure=procedure,
        version=version,
        content_hash=digest,
        document={**document, "version": version, "content_hash": digest},
    )


def issue(
    bundle: SafetyBundle, content: Content, *, directory: Directory, time_zone: str, now: datetime
) -> dict[str, Any]:
    """Return what a patient's phone gets: the bundle, whom to call, and until when.

    `directory` holds the numbers for the patient's `time_zone`, and for no other country.
    It is the same for the whole week (Monday 00:00 UTC). After `valid_until` the phone
    goes on, since an old warning is better than none, and says that its rules are old.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    issued = today - timedelta(days=today.weekday())
    return {
        **bundle.document,
        "issued_at": _instant(issued),
        "valid_until": _instant(issued + VALID_FOR),
        "time_zone": time_zone,
        "phones": dict(directory.phones),
        "calls": {kind: list(names) for kind, names in content.emergency_numbers.calls.items()},
        "offline": {name: _offline(content, directory, name) for name in LANGUAGES},
    }


def canonical(document: Any) -> bytes:
    """Return JSON of which there is one form only: sorted keys, no spaces, UTF-8.

    Whole numbers have no fraction, as JavaScript writes them; so for what a bundle holds
    this is the form of RFC 8785.
    """
    text = json.dumps(
        _plain(document),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )
    return text.encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _instant(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _offline(content: Content, directory: Directory, language: str) -> str:
    """Return that nobody has seen the answers, and whom to call; it never reassures."""
    named = {f"{name}_phone": number for name, number in directory.phones.items()}
    told = ["safety_rules.unseen", "monitoring.until_then", *_whom_to_call(directory)]
    return " ".join(content.text(key, language, **named) for key in told)


def _whom_to_call(directory: Directory) -> Iterator[str]:
    if directory.abroad:
        unknown = directory.emergency_unknown
        yield "monitoring.abroad_unknown" if unknown else "monitoring.abroad"
    if {"clinic", "emergency"} <= directory.phones.keys():
        yield "monitoring.whom_to_call"
    elif not directory.abroad:
        yield "monitoring.no_phone"
    if "out_of_hours" in directory.phones:
        yield "monitoring.out_of_hours"


def _rule(rule: RedFlagRule, procedure: str) -> dict[str, Any]:
    return {
        "id": rule.id,
        "version": rule.version,
        "tier": rule.tier,
        "from_day": rule.window.first,
        "to_day": rule.window.last,
        "max_gap_days": [{"from_day": one.from_day, "days": one.every_days} for one in rule.gaps],
        "title": dict(rule.title),
        "text": dict(rule.text),
        "when": ways_as_json(rule.when, procedure=procedure),
        "escalations": [
            {
                "tier": each.tier,
                "text": dict(each.text),
                "when": ways_as_json(each.when, procedure=procedure),
            }
            for each in rule.escalations
        ],
    }


def _conditions(rule: RedFlagRule) -> list[Condition]:
    ways = [*rule.when, *(way for each in rule.escalations for way in each.when)]
    return [condition for way in ways for condition in way]


def _is_known_here_only(condition: Condition) -> bool:
    return isinstance(condition, FactIs)


def _needed(rules: Iterable[RedFlagRule], catalogue: Catalogue) -> list[CheckInItem]:
    """Return the items that the rules read and those above them, in the catalogue's order."""
    needed: set[str] = set()
    open_items = [
        code for rule in rules for condition in _conditions(rule) for code in items_of(condition)
    ]
    while open_items:
        code = open_items.pop()
        show_if = catalogue.items[code].show_if
        if code not in needed and show_if is not None:
            open_items.append(show_if.item)
        needed.add(code)
    return [item for code, item in catalogue.items.items() if code in needed]


def _item(item: CheckInItem) -> dict[str, Any]:
    """Return what decides whether an answer counts; members that do not apply are left out."""
    found: dict[str, Any] = {
        "code": item.code,
        "type": item.type,
        "min": item.minimum,
        "max": item.maximum,
        "decimals": item.decimals,
        "codes": [one.code for one in item.codes] or None,
        "show_if": item.show_if.as_json() if item.show_if else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _crisis_words(words: CrisisWords) -> dict[str, Any]:
    return {
        "phrases": [
            {"phrase": spelled, "words": list(phrase)} for spelled, phrase in words.phrases.items()
        ],
        "text": dict(words.text),
    }
