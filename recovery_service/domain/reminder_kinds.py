"""What a plan can remind of; one entry here adds a kind everywhere.

What a notification shows is neutral on purpose: it may stand on a lock screen
that others read, so it never says what is to be done, nor that there was an
operation. Kinds are stored as plain strings.
"""

# ruff: noqa: RUF001 - Turkish has a dotless i.

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class ReminderKind:
    """One kind of plan item, and how it behaves unless its rule says otherwise.

    `counts` names the adherence figure it counts for (`exercise`, `posture`), None for
    none. `identity` is `recurring`, `once` or `appointment`. `quiet` is what quiet hours do
    to it (`shift`, `drop`, `ignore`; what goes `earlier` was planned so), `priority` what
    survives the daily push budget (1 is highest, 9 lowest). One that is `nudged` is spoken of
    once more while it is not answered, `nudge_after` that time or after the policy's. One that
    is not `plannable` comes of something else
    than an item of a plan. `titles` and `lines` are the notification's texts by language.
    """

    name: str
    counts: str | None = None
    identity: str = "recurring"
    quiet: str = "shift"
    priority: int
    nudged: bool = False
    nudge_after: timedelta | None = None
    plannable: bool = True
    titles: Mapping[str, str]
    lines: Mapping[str, str]


class DuplicateKind(ValueError):
    """Two kinds of one name."""


class UnknownKind(ValueError):
    """Not the name of a reminder kind."""


def registry(*kinds: ReminderKind) -> Mapping[str, ReminderKind]:
    """Return the kinds by name, read-only; raises `DuplicateKind`."""
    by_name: dict[str, ReminderKind] = {}
    for kind in kinds:
        if by_name.setdefault(kind.name, kind) is not kind:
            raise DuplicateKind(kind.name)
    return MappingProxyType(by_name)


_TITLES = MappingProxyType({"en": "Your plan", "tr": "Planınız"})


def _lines(*, en: str, tr: str) -> Mapping[str, str]:
    return MappingProxyType({"en": en, "tr": tr})


#: What one push says that stands for several reminders.
BUNDLE_LINES = _lines(
    en="{count} things in your plan are due around now.",
    tr="Planınızda şu sıralarda {count} şeyin zamanı geliyor.",
)

REMINDER_KINDS = registry(
    ReminderKind(
        name="physiotherapy",
        counts="exercise",
        nudged=True,
        priority=3,
        titles=_TITLES,
        lines=_lines(
            en="It is time for the next step of your plan.",
            tr="Planınızdaki bir sonraki adımın zamanı geldi.",
        ),
    ),
    ReminderKind(
        name="walking",
        counts="exercise",
        nudged=True,
        priority=4,
        titles=_TITLES,
        lines=_lines(
            en="Something in your plan is due now.",
            tr="Planınızda şimdi sırası gelen bir şey var.",
        ),
    ),
    ReminderKind(
        name="posture",
        counts="posture",
        quiet="drop",
        priority=7,
        titles=_TITLES,
        lines=_lines(
            en="Your plan suggests a short break.",
            tr="Planınız kısa bir mola öneriyor.",
        ),
    ),
    ReminderKind(
        name="movement_caution",
        quiet="drop",
        priority=6,
        titles=_TITLES,
        lines=_lines(
            en="A note from your plan for today.",
            tr="Planınızdan bugün için bir not.",
        ),
    ),
    ReminderKind(
        name="check_in",
        nudged=True,
        priority=2,
        titles=_TITLES,
        lines=_lines(
            en="A few short questions are waiting for you.",
            tr="Sizi birkaç kısa soru bekliyor.",
        ),
    ),
    ReminderKind(
        name="medication",
        priority=1,
        titles=_TITLES,
        lines=_lines(
            en="You have a reminder in your plan.",
            tr="Planınızda bir hatırlatma var.",
        ),
    ),
    ReminderKind(
        name="education",
        identity="once",
        priority=5,
        titles=_TITLES,
        lines=_lines(
            en="There is something new to read in your plan.",
            tr="Planınızda okuyabileceğiniz yeni bir şey var.",
        ),
    ),
    ReminderKind(
        name="follow_up",
        identity="once",
        priority=2,
        titles=_TITLES,
        lines=_lines(
            en="There is something to arrange in your plan.",
            tr="Planınızda ayarlamanız gereken bir şey var.",
        ),
    ),
    ReminderKind(
        name="appointment",
        identity="appointment",
        quiet="earlier",
        priority=1,
        plannable=False,
        titles=_TITLES,
        lines=_lines(
            en="There is something in your calendar to look at.",
            tr="Takviminizde bakmanız gereken bir şey var.",
        ),
    ),
    # Its window is weeks wide: to ask again on the same day would be to insist.
    ReminderKind(
        name="questionnaire",
        identity="once",
        nudged=True,
        nudge_after=timedelta(days=3),
        priority=5,
        plannable=False,
        titles=_TITLES,
        lines=_lines(
            en="Some questions about how you are doing are waiting for you.",
            tr="Nasıl olduğunuza dair bazı sorular sizi bekliyor.",
        ),
    ),
)

#: The kinds that an item of a plan can have.
PLANNABLE = tuple(name for name, kind in REMINDER_KINDS.items() if kind.plannable)


def reminder_kind(name: str) -> ReminderKind:
    """Return the kind of that name; raises `UnknownKind`."""
    try:
        return REMINDER_KINDS[name]
    except KeyError:
        raise UnknownKind(name) from None
