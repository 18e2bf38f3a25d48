"""Who may do what: the actor of a request, and the rules as pure functions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID


class Role(StrEnum):
    """What a person is in a clinic."""

    PATIENT = "patient"
    PHYSIOTHERAPIST = "physiotherapist"
    SURGEON = "surgeon"
    COORDINATOR = "coordinator"
    ADMIN = "admin"


STAFF = frozenset({Role.PHYSIOTHERAPIST, Role.SURGEON, Role.COORDINATOR, Role.ADMIN})
CLINICIANS = frozenset({Role.PHYSIOTHERAPIST, Role.SURGEON})
CARE = CLINICIANS | {Role.COORDINATOR}
"""Those who read health data; an admin does so only with a clinical role as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person behind a request, as the credentials prove.

    `platform` and `app_version` are what the device last said of itself.
    """

    clinic_id: UUID
    kind: Literal["patient", "staff", "system"]
    id: UUID | None
    roles: frozenset[Role] = frozenset()
    locale: str = "en"
    time_zone: str = "UTC"
    device_id: UUID | None = None
    platform: str | None = None
    app_version: str | None = None
    family_id: UUID | None = None
    request_id: str | None = None
    sandbox_now: datetime | None = None
    """How far the time of the actor's clinic has been moved on, where it is a sandbox."""

    def has(self, *roles: Role) -> bool:
        """Tell whether the actor holds one of the roles."""
        return not self.roles.isdisjoint(roles)


def may_publish_plan(actor: Actor) -> bool:
    """Only physiotherapists and surgeons let a plan reach a patient."""
    return not actor.roles.isdisjoint(CLINICIANS)


def may_approve_content(actor: Actor) -> bool:
    """Only physiotherapists and surgeons approve content, each by name."""
    return actor.id is not None and not actor.roles.isdisjoint(CLINICIANS)


def may_resolve_alert(roles: Iterable[str], tier: str) -> bool:
    """Only physiotherapists and surgeons close what is pressing; a coordinator the rest."""
    enough = CARE if tier == "next_business_day" else CLINICIANS
    return not enough.isdisjoint(roles)


def may_read_health(actor: Actor) -> bool:
    """Tell whether the actor's roles include one that cares for patients."""
    return not actor.roles.isdisjoint(CARE)
