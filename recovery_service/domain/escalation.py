"""Who is told of an alert: along the care team, past those who are not there or want no word."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from recovery_service.domain.access import CARE, CLINICIANS
from recovery_service.domain.red_flag_rules import TIERS

#: How often an alert that nobody looks at is passed on; after that it stays overdue.
MOST = 4
#: Of no tier, in a choice of the least pressing tier of which somebody wants word.
NEVER = "none"


class Recipient(NamedTuple):
    """Somebody who is told, and where: by push to a device, or by mail (None)."""

    staff_id: UUID
    device_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """A staff member as an alert sees them.

    `lead` is None outside of the patient's care team. `mail` and `push` are the least
    pressing tier of which they want one, or `none`; `devices` are where a push reaches them.
    """

    id: UUID
    roles: frozenset[str]
    lead: bool | None = None
    mail: str = TIERS[-1]
    push: str = NEVER
    devices: tuple[UUID, ...] = ()

    @property
    def cares(self) -> bool:
        """Say whether they may read what the alert is about."""
        return not self.roles.isdisjoint(CARE)

    @property
    def decides(self) -> bool:
        """Say whether they may resolve any alert."""
        return not self.roles.isdisjoint(CLINICIANS)

    def ways(self, tier: str) -> tuple[Recipient, ...]:
        """Return how they are told of a tier; nothing where they want no word of it.

        Who wants pushes alone and has no device is told nothing, and so passed over.
        """
        devices: tuple[UUID | None, ...] = self.devices if wants(self.push, tier) else ()
        mail: tuple[UUID | None, ...] = (None,) if wants(self.mail, tier) else ()
        return tuple(Recipient(self.id, device) for device in mail + devices)


def recipients(
    colleagues: Sequence[Colleague],
    covers: Mapping[UUID, UUID | None],
    *,
    escalation: int,
    tier: str,
    assigned_to: UUID | None = None,
) -> tuple[Recipient, ...]:
    """Return who is to look and how they are told, in a stable order; nobody if there is nobody.

    First who has it, or leads the care team; then the whole team; then every clinician of
    the clinic. A circle in which nobody is present who wants word of the tier passes on at
    once: nobody waits for a time to lapse that nobody was told of. `covers` maps those who
    are absent to who stands in for them, or to None.
    """
    known = {one.id: one for one in colleagues if one.cares}
    for circle in _CIRCLES[min(escalation, len(_CIRCLES) - 1) :]:
        asked = circle(known.values(), assigned_to)
        present = {_present(one.id, known, covers) for one in asked} - {None}
        told = [way for each in known if each in present for way in known[each].ways(tier)]
        if told:
            return tuple(told)
    return ()


def wants(least: str, tier: str) -> bool:
    """Say whether somebody who chose `least` (a tier or `none`) wants word of a tier."""
    return least != NEVER and TIERS.index(tier) <= TIERS.index(least)


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


Circle = Callable[[Iterable[Colleague], UUID | None], list[Colleague]]


def _nearest(known: Iterable[Colleague], assigned_to: UUID | None) -> list[Colleague]:
    mine = [one for one in known if one.id == assigned_to]
    return mine or [one for one in known if one.lead]


def _team(known: Iterable[Colleague], assigned_to: UUID | None) -> list[Colleague]:
    return [one for one in known if one.lead is not None or one.id == assigned_to]


def _clinicians(known: Iterable[Colleague], _assigned_to: UUID | None) -> list[Colleague]:
    return [one for one in known if one.decides]


_CIRCLES: tuple[Circle, ...] = (_nearest, _team, _clinicians)
