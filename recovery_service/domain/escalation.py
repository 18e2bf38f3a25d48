"""Who is written to about an alert: along the care team, past those who are not there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from recovery_service.domain.access import CARE, CLINICIANS
from recovery_service.domain.red_flag_rules import TIERS

#: How often an alert that nobody looks at is passed on; after that it stays overdue.
MOST = 4
NO_MAIL = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """A staff member as an alert sees them.

    `lead` is None outside of the patient's care team. `mail` is the least pressing tier of
    which they want mail, or `none`.
    """

    id: UUID
    roles: frozenset[str]
    lead: bool | None = None
    mail: str = TIERS[-1]

    @property
    def cares(self) -> bool:
        """Say whether they may read what the alert is about."""
        return not self.roles.isdisjoint(CARE)

    @property
    def decides(self) -> bool:
        """Say whether they may resolve any alert."""
        return not self.roles.isdisjoint(CLINICIANS)


def recipients(
    colleagues: Sequence[Colleague],
    covers: Mapping[UUID, UUID | None],
    *,
    escalation: int,
    tier: str,
    assigned_to: UUID | None = None,
) -> tuple[UUID, ...]:
    """Return who is to look, in a stable order; nobody if there is nobody.

    First who has it, or leads the care team; then the whole team; then every clinician of
    the clinic. A circle in which nobody is present passes on at once. `covers` maps those
    who are absent to who stands in for them, or to None.
    """
    known = {one.id: one for one in colleagues if one.cares}
    for circle in _CIRCLES[min(escalation, len(_CIRCLES) - 1) :]:
        asked = circle(known.values(), assigned_to)
        present = {_present(one.id, known, covers) for one in asked} - {None}
        found = tuple(each for each in known if each in present)
        if found:
            return tuple(each for each in found if _wants(known[each].mail, tier))
    return ()


def _present(
    wanted: UUID, known: Mapping[UUID, Colleague], covers: Mapping[UUID, UUID | None]
) -> UUID | None:
    """Return the person or whoever stands in; None where that leads nowhere, or in a circle."""
    asked: UUID | None = wanted
    for _ in range(len(covers) + 1):
        if asked is None or asked not in covers:
            break
        asked = covers[asked]
    return asked if asked in known and asked not in covers else None


def _wants(mail: str, tier: str) -> bool:
    return mail != NO_MAIL and TIERS.index(tier) <= TIERS.index(mail)


Circle = Callable[[Iterable[Colleague], UUID | None], list[Colleague]]


def _nearest(known: Iterable[Colleague], assigned_to: UUID | None) -> list[Colleague]:
    mine = [one for one in known if one.id == assigned_to]
    return mine or [one for one in known if one.lead]


def _team(known: Iterable[Colleague], assigned_to: UUID | None) -> list[Colleague]:
    return [one for one in known if one.lead is not None or one.id == assigned_to]


def _clinicians(known: Iterable[Colleague], _assigned_to: UUID | None) -> list[Colleague]:
    return [one for one in known if one.decides]


_CIRCLES: tuple[Circle, ...] = (_nearest, _team, _clinicians)
