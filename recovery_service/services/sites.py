"""Sites: the places of a clinic, one of them the default, and the days they are closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.identifiers import new_id
from recovery_service.errors import InvalidField, NoSuchObject
from recovery_service.models import Site, SiteHoliday
from recovery_service.services import audit
from recovery_service.services.appointment_schedules import follow_site
from recovery_service.services.clinics import clinic_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSite:
    """A place as admins enter it; see :class:`recovery_service.models.Site`."""

    name: str
    time_zone: str
    country: str
    opening_hours: Mapping[str, Any] = field(default_factory=dict)
    phones: Mapping[str, str] = field(default_factory=dict)
    is_default: bool = False


def sites_of(
    session: Session, actor: Actor, *, before: tuple[Any, ...] | None, limit: int
) -> Sequence[Site]:
    """Return the clinic's sites, newest first, one more than `limit`."""
    wanted = select(Site).where(Site.clinic_id == actor.clinic_id)
    if before is not None:
        wanted = wanted.where(func.row(Site.created_at, Site.id) < func.row(*before))
    newest_first = wanted.order_by(Site.created_at.desc(), Site.id.desc())
    return session.scalars(newest_first.limit(limit + 1)).all()


def site_in_scope(session: Session, actor: Actor, site_id: UUID) -> Site:
    """Return a site of the actor's clinic; raises NoSuchObject."""
    site = session.get(Site, (actor.clinic_id, site_id))
    if site is None:
        raise NoSuchObject("site")
    return site


def add_site(session: Session, actor: Actor, new: NewSite, *, now: datetime) -> Site:
    """Add a site; the first of a clinic is its default whatever was said."""
    clinic_of(session, actor, lock=True)  # one at a time: of two first sites one is the default
    site = Site(
        clinic_id=actor.clinic_id,
        id=new_id(now=now),
        name=new.name,
        time_zone=new.time_zone,
        country=new.country,
        opening_hours=dict(new.opening_hours),
        phones=dict(new.phones),
        created_at=now,
        updated_at=now,
    )
    session.add(site)
    session.flush()
    if new.is_default or _default_of(session, actor) is None:
        _make_default(session, site, now=now)
    audit.record(session, actor, "site_added", "site", site.id, now=now)
    return site


def change_site(
    session: Session, actor: Actor, site_id: UUID, changes: Mapping[str, Any], *, now: datetime
) -> Site:
    """Change a site; naming it the default takes that from the one that was.

    Raises NoSuchObject, or InvalidField where the clinic would be left without a default.
    """
    clinic_of(session, actor, lock=True)
    site = site_in_scope(session, actor, site_id)
    wanted = changes.get("is_default", site.is_default)
    if site.is_default and not wanted:
        raise InvalidField("/is_default", "Make another site the default instead.")
    moved = changes.get("time_zone", site.time_zone) != site.time_zone
    for name, value in changes.items():
        if name != "is_default":
            setattr(site, name, value)
    site.version, site.updated_at = site.version + 1, now
    session.flush()
    if wanted and not site.is_default:
        _make_default(session, site, now=now)
    if moved:
        follow_site(session, site, now=now)
    audit.record(session, actor, "site_changed", "site", site.id, now=now)
    return site


def holidays_of(
    session: Session, site: Site, *, after: date | None = None, limit: int | None = None
) -> Sequence[SiteHoliday]:
    """Return the days on which a site is closed, in their order, one more than `limit`."""
    wanted = _holidays(site).order_by(SiteHoliday.day)
    if after is not None:
        wanted = wanted.where(SiteHoliday.day > after)
    return session.scalars(wanted if limit is None else wanted.limit(limit + 1)).all()


def replace_holidays(
    session: Session, actor: Actor, site: Site, days: Mapping[date, str], *, now: datetime
) -> None:
    """Make these the days on which a site is closed."""
    clinic_of(session, actor, lock=True)  # as for each edit of a day: none is lost in another
    session.execute(
        delete(SiteHoliday).where(
            SiteHoliday.clinic_id == site.clinic_id, SiteHoliday.site_id == site.id
        )
    )
    session.add_all(
        SiteHoliday(clinic_id=site.clinic_id, site_id=site.id, day=day, name=name)
        for day, name in days.items()
    )
    session.flush()
    audit.record(session, actor, "holidays_changed", "site", site.id, now=now)


def set_holiday(
    session: Session, actor: Actor, site: Site, day: date, name: str, *, now: datetime
) -> SiteHoliday:
    """Close a site on a day, or give that day another name."""
    clinic_of(session, actor, lock=True)
    row = insert(SiteHoliday).values(clinic_id=site.clinic_id, site_id=site.id, day=day, name=name)
    session.execute(
        row.on_conflict_do_update(
            index_elements=["clinic_id", "site_id", "day"], set_={"name": row.excluded.name}
        )
    )
    audit.record(session, actor, "holidays_changed", "site", site.id, now=now)
    return session.get_one(SiteHoliday, (site.clinic_id, site.id, day), populate_existing=True)


def remove_holiday(session: Session, actor: Actor, site: Site, day: date, *, now: datetime) -> None:
    """Open a site on a day on which it was closed; raises NoSuchObject."""
    clinic_of(session, actor, lock=True)
    holiday = session.get(SiteHoliday, (site.clinic_id, site.id, day))
    if holiday is None:
        raise NoSuchObject("holiday")
    session.delete(holiday)
    session.flush()
    audit.record(session, actor, "holidays_changed", "site", site.id, now=now)


def _holidays(site: Site) -> Any:
    return select(SiteHoliday).where(
        SiteHoliday.clinic_id == site.clinic_id, SiteHoliday.site_id == site.id
    )


def _default_of(session: Session, actor: Actor) -> Site | None:
    return session.scalars(
        select(Site).where(Site.clinic_id == actor.clinic_id, Site.is_default)
    ).one_or_none()


def _make_default(session: Session, site: Site, *, now: datetime) -> None:
    """Let the site be the default in place of the one that was; two cannot be at once."""
    session.execute(
        update(Site)
        .where(Site.clinic_id == site.clinic_id, Site.is_default)
        .values(is_default=False, version=Site.version + 1, updated_at=now)
    )
    site.is_default = True
    session.flush()
