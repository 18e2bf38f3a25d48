"""Sites of the clinic, and the days on which they are closed."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import structlog
from marshmallow import ValidationError

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.pagination import Keyset, Page, PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.base import LocalDate
from recovery_service.api.schemas.sites import (
    HolidayList,
    HolidayRequest,
    HolidaySchema,
    HolidaysRequest,
    NewSiteRequest,
    SiteChanges,
    SiteSchema,
)
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import STAFF, Role
from recovery_service.errors import NoSuchObject
from recovery_service.models import Site, SiteHoliday
from recovery_service.services import sites
from recovery_service.services.object_tags import tag_of_holidays, tag_of_site
from recovery_service.services.sites import NewSite, site_in_scope

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "sites", __name__, url_prefix="/sites", description="Places of the clinic and their hours"
)
_SITES = Keyset("sites", datetime, UUID)
_HOLIDAYS = Keyset("holidays", date)


@blueprint.get("")
@allow(*STAFF)
@blueprint.query(PageArguments)
@blueprint.response(200, page_schema(SiteSchema))
def index(page: PageRequest) -> Page[Site]:
    """List the clinic's sites, newest first."""
    before = _SITES.decode(page.cursor)
    with transaction() as session:
        rows = sites.sites_of(session, current_actor(), before=before, limit=page.limit)
    return _SITES.page(rows, page.limit, lambda site: (site.created_at, site.id))


@blueprint.post("")
@allow(Role.ADMIN)
@blueprint.arguments(NewSiteRequest)
@blueprint.response(201, SiteSchema)
def create(new: NewSite) -> Site:
    """Add a site; the first of a clinic is its default."""
    with transaction() as session:
        site = sites.add_site(session, current_actor(), new, now=request_time())
    log.info("site_added", site_id=site.id)
    return site


@blueprint.get("/<uuid:site_id>", tag=tag_of_site)
@allow(*STAFF)
@blueprint.response(200, SiteSchema)
def show(site_id: UUID) -> Site:
    """Show a site."""
    with transaction() as session:
        return site_in_scope(session, current_actor(), site_id)


@blueprint.patch("/<uuid:site_id>", tag=tag_of_site)
@allow(Role.ADMIN)
@blueprint.arguments(SiteChanges)
@blueprint.response(200, SiteSchema)
def change(changes: dict[str, Any], site_id: UUID) -> Site:
    """Change a site; `is_default: true` takes that from the site that was the default."""
    with transaction() as session:
        site = sites.change_site(session, current_actor(), site_id, changes, now=request_time())
    log.info("site_changed", site_id=site_id)
    return site


@blueprint.get("/<uuid:site_id>/holidays", tag=tag_of_holidays)
@allow(*STAFF)
@blueprint.query(PageArguments)
@blueprint.response(200, HolidayList)
def holidays(page: PageRequest, site_id: UUID) -> Page[SiteHoliday]:
    """List the days on which a site is closed, in their order."""
    after = _HOLIDAYS.decode(page.cursor)
    with transaction() as session:
        site = site_in_scope(session, current_actor(), site_id)
        rows = sites.holidays_of(session, site, after=after[0] if after else None, limit=page.limit)
    return _HOLIDAYS.page(rows, page.limit, lambda holiday: (holiday.day,))


@blueprint.put("/<uuid:site_id>/holidays", tag=tag_of_holidays)
@allow(Role.ADMIN)
@blueprint.arguments(HolidaysRequest)
@blueprint.response(200, HolidayList)
def put_holidays(days: dict[date, str], site_id: UUID) -> Page[SiteHoliday]:
    """Replace the days on which a site is closed, and show all of them."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        site = site_in_scope(session, actor, site_id)
        sites.replace_holidays(session, actor, site, days, now=now)
        rows = sites.holidays_of(session, site)
    log.info("holidays_changed", site_id=site_id)
    return Page(rows, None)


@blueprint.post("/<uuid:site_id>/holidays", tag=tag_of_holidays)
@allow(Role.ADMIN)
@blueprint.arguments(HolidayRequest)
@blueprint.response(201, HolidaySchema)
def add_holiday(new: dict[str, Any], site_id: UUID) -> SiteHoliday:
    """Close a site on one day; of a day that is there already the name is changed."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        site = site_in_scope(session, actor, site_id)
        holiday = sites.set_holiday(session, actor, site, now=now, **new)
    log.info("holidays_changed", site_id=site_id)
    return holiday


@blueprint.delete("/<uuid:site_id>/holidays/<day>", unconditional="a day is closed or it is not")
@allow(Role.ADMIN)
@blueprint.response(204)
def remove_holiday(site_id: UUID, day: str) -> None:
    """Open a site on a day on which it was closed."""
    actor, now = current_actor(), request_time()
    with transaction() as session:
        site = site_in_scope(session, actor, site_id)
        sites.remove_holiday(session, actor, site, _date(day), now=now)
    log.info("holidays_changed", site_id=site_id)


def _date(text: str) -> date:
    """Read the date of an address; one that does not exist was never a holiday."""
    try:
        found: date = LocalDate().deserialize(text)
    except ValidationError:
        raise NoSuchObject("holiday") from None
    return found
