"""New versions of a clinic's own templates, and what each was based on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.content import Content
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.plan_templates import PlanTemplate
from recovery_service.domain.template_changes import UpstreamChange, upstream_changes
from recovery_service.errors import InvalidField, NoSuchObject
from recovery_service.models import PlanTemplate as OwnTemplate
from recovery_service.models import PlanTemplateBase, PlanTemplateVersion
from recovery_service.services import audit
from recovery_service.services.templates import (
    Own,
    TemplateSummary,
    find,
    find_version,
    newest,
    parsed,
)


class Base(NamedTuple):
    """The content that a version was based on."""

    code: str
    number: int
    content: Mapping[str, Any]
    content_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A version as staff write it.

    `based_on` names the template it was made of. `based_on_version` says that its present
    version has been looked at; without it a later version keeps the base of the one before.
    """

    content: Mapping[str, Any]
    based_on: str | None = None
    based_on_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """What has become of the template that an own one is based on.

    `upstream_version` is None where it no longer exists; without a recorded base there is
    nothing to compare, and `changes` is None.
    """

    own: TemplateSummary
    upstream_version: int | None
    upstream_hash: str | None
    changes: list[UpstreamChange] | None


def save_version(
    session: Session, actor: Actor, content: Content, new: NewVersion, *, now: datetime
) -> TemplateSummary:
    """Store the next version of a clinic's own template; raises InvalidField.

    The number is counted here, so whatever the content says of its version is replaced.
    """
    code = new.content.get("code")
    if code in content.templates:
        raise InvalidField("/content/code", "This code belongs to a shipped template.")
    known = next(iter(newest(session, str(code), lock=True)), None)
    upstream = _upstream(session, content, known, new)
    begins = known is None or known.template.based_on is None
    number = known.version.number + 1 if known else 1
    numbered = {**new.content, "version": number}
    template = parsed(content, numbered)
    row = known.template if known else _new_template(session, actor, template, now=now)
    row.based_on = row.based_on or new.based_on
    version = PlanTemplateVersion(
        clinic_id=actor.clinic_id,
        id=new_id(now=now),
        template_id=row.id,
        number=number,
        content=numbered,
        content_hash=template.content_hash,
        created_by=actor.id,
        created_at=now,
    )
    session.add(version)
    session.flush()
    # The present one where it is new or was looked at; else the base stays what it was.
    looked = new.based_on_version is not None or begins
    base = _present(upstream) if upstream and looked else _base_of(session, known)
    if base is not None:
        session.add(
            PlanTemplateBase(
                clinic_id=actor.clinic_id,
                id=new_id(now=now),
                version_id=version.id,
                **base._asdict(),
            )
        )
        session.flush()
    audit.record(session, actor, "plan_template_saved", "plan_template", row.id, now=now)
    saved = find_version(session, content, template.code, number)
    assert saved is not None  # noqa: S101 - it was stored above
    return saved


def upstream_of(session: Session, content: Content, code: str) -> Upstream:
    """Return what changed upstream of a template since it was based on it; raises NoSuchObject."""
    template = find(session, content, code)
    own = find_version(session, content, code, template.version) if template else None
    if own is None:
        raise NoSuchObject("template")
    upstream = find(session, content, own.based_on) if own.based_on else None
    base = _base_of(session, next(iter(newest(session, code)), None))
    return Upstream(
        own=own,
        upstream_version=upstream.version if upstream else None,
        upstream_hash=upstream.content_hash if upstream else None,
        changes=None
        if base is None or upstream is None
        else upstream_changes(base.content, upstream.raw, own.template.raw),
    )


def _upstream(
    session: Session, content: Content, known: Own | None, new: NewVersion
) -> PlanTemplate | None:
    """Return what the template is based on as it is now; raises InvalidField."""
    stands = known.template.based_on if known else None
    if new.based_on is not None and stands not in (None, new.based_on):
        raise InvalidField("/based_on", "This template is based on another one.")
    code = stands or new.based_on
    upstream = find(session, content, code) if code else None
    if upstream is None and new.based_on is not None:
        raise InvalidField("/based_on", "There is no such template.")
    if new.based_on == new.content.get("code") and new.based_on is not None:
        raise InvalidField("/based_on", "A template is not based on itself.")
    if new.based_on_version is not None and (
        upstream is None or upstream.version != new.based_on_version
    ):
        raise InvalidField("/based_on_version", "This is not its present version.")
    return upstream


def _present(upstream: PlanTemplate) -> Base:
    return Base(upstream.code, upstream.version, upstream.as_json(), upstream.content_hash)


def _base_of(session: Session, own: Own | None) -> Base | None:
    if own is None:
        return None
    row = session.scalars(
        select(PlanTemplateBase).where(
            PlanTemplateBase.clinic_id == own.version.clinic_id,
            PlanTemplateBase.version_id == own.version.id,
        )
    ).one_or_none()
    return Base(row.code, row.number, row.content, row.content_hash) if row else None


def _new_template(
    session: Session, actor: Actor, template: PlanTemplate, *, now: datetime
) -> OwnTemplate:
    row = OwnTemplate(
        clinic_id=actor.clinic_id, id=new_id(now=now), code=template.code, created_at=now
    )
    session.add(row)
    session.flush()
    return row
