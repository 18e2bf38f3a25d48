"""Whether an app is too old: compared with what the operator asks of its platform.

It is a signal and never a refusal. An app below the required version still sends check-ins.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Version = tuple[int, ...]

#: By the names an app may give its platform (at enrolment the system, later its push service).
PLATFORMS: Mapping[str, str] = {
    "ios": "ios",
    "apns": "ios",
    "android": "android",
    "fcm": "android",
    "web": "web",
    "webpush": "web",
}

_NUMBERS = re.compile(r"[vV]?(\d{1,9}(?:\.\d{1,9}){0,3})(?![\d.])")


class AppUpdate(NamedTuple):
    """What the owner of an old app is asked to do; `minimum` is the version that is enough."""

    state: Literal["required", "recommended"]
    minimum: str


@dataclass(frozen=True, slots=True)
class AppVersions:
    """The oldest versions by platform: what must be, and what should be."""

    required: Mapping[str, str] = field(default_factory=dict)
    recommended: Mapping[str, str] = field(default_factory=dict)

    def update_for(self, platform: str | None, version: str | None) -> AppUpdate | None:
        """Return what to ask of an app; None where it is new enough or does not say what it is."""
        own, name = version_of(version or ""), PLATFORMS.get((platform or "").lower())
        if own is None or name is None:
            return None
        if (least := self.required.get(name)) and own < (version_of(least) or ()):
            return AppUpdate("required", least)
        if (least := self.recommended.get(name)) and own < (version_of(least) or ()):
            return AppUpdate("recommended", least)
        return None


def version_of(text: str) -> Version | None:
    """Return the numbers that a version begins with, without zeros at the end.

    `v2.1`, `2.1.0` and `2.1.0-beta+7` are one version: what a store reviews last is often a
    build of the same numbers, and nobody is to be sent away for a suffix. None for no numbers.
    """
    found = _NUMBERS.match(text.strip())
    if found is None:
        return None
    numbers = [int(each) for each in found[1].split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
