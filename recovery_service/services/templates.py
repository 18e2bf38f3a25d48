"""Plan templates: the shipped ones from files, a clinic's own from the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from recovery_service.domain.access import Actor
from recovery_service.domain.content import Content
from recovery_service.domain.content_fields import ContentError
from recovery_service.domain.identifiers import new_id
from recovery_service.domain.plan_templates import PlanTemplate, parse_template
from recovery_service.errors import InvalidField
from recovery_service.models import Episode, PlanTemplateVersion
from recovery_service.models import PlanTemplate as OwnTemplate
from recovery_service.services import audit


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSummary:
    """A template as a list shows it; ``origin`` is ``shipped`` or ``clinic``."""

    template: PlanTemplate
    origin: str
    based_on: str | None = None


def all_templates(session: Session, content: Content) -> list[TemplateSummary]:
    """Return the newest version of each template, shipped ones first."""
    shipped = [
        TemplateSummary(template=each, origin="shipped") for each in content.templates.values()
    ]
    own = [
        TemplateSummary(
            template=_read(content, row, version), origin="clinic", based_on=row.based_on
        )
        for row, version in _newest(session)
    ]
    return [*shipped, *own]


def find(session: Session, content: Content, code: str) -> PlanTemplate | None:
    """Return the newest version of a template, a clinic's own included."""
    if code in content.templates:
        return content.templates[code]
    for row, version in _newest(session, code):
        return _read(content, row, version)
    return None


def find_version(
    session: Session, content: Content, code: str, number: int
) -> TemplateSummary | None:
    """Return one version of a template."""
    shipped = content.templates.get(code)
    if shipped is not None:
        same = shipped.version == number
        return TemplateSummary(template=shipped, origin="shipped") if same else None
    row = session.execute(
        _versions().where(OwnTemplate.code == code, PlanTemplateVersion.number == number)
    ).one_or_none()
    if row is None:
        return None
    own, version = row
    return TemplateSummary(
        template=_read(content, own, version), origin="clinic", based_on=own.based_on
    )


def default_for(session: Session, content: Content, episode: Episode) -> PlanTemplate:
    """Return the template that was chosen for the episode, or its procedure's default."""
    chosen = find(session, content, episode.plan_template) if episode.plan_template else None
    return chosen or content.templates_for(episode.procedure)[0]


def save_version(
    session: Session,
    actor: Actor,
    content: Content,
    raw: Mapping[str, Any],
    *,
    based_on: str | None,
    now: datetime,
) -> TemplateSummary:
    """Store the next version of a clinic's own template; raises InvalidField.

    The number is counted here, so whatever the content says of its version is replaced.
    """
    code = raw.get("code")
    if code in content.templates:
        raise InvalidField("/content/code", "This code belongs to a shipped template.")
    if based_on is not None and find(session, content, based_on) is None:
        raise InvalidField("/based_on", "There is no such template.")
    known = next(iter(_newest(session, str(code), lock=True)), None)
    number = known[1].number + 1 if known else 1
    numbered = {**raw, "version": number}
    template = _parsed(content, numbered)
    row = known[0] if known else _new_template(session, actor, template, based_on, now=now)
    session.add(
        PlanTemplateVersion(
            clinic_id=actor.clinic_id,
            id=new_id(now=now),
            template_id=row.id,
            number=number,
            content=numbered,
            content_hash=template.content_hash,
            created_by=actor.id,
            created_at=now,
        )
    )
    session.flush()
    audit.record(session, actor, "plan_template_saved", "plan_template", row.id, now=now)
    return TemplateSummary(template=template, origin="clinic", based_on=row.based_on)


def _new_template(
    session: Session, actor: Actor, template: PlanTemplate, based_on: str | None, *, now: datetime
) -> OwnTemplate:
    row = OwnTemplate(
        clinic_id=actor.clinic_id,
        id=new_id(now=now),
        code=template.code,
        based_on=based_on,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _parsed(content: Content, raw: Mapping[str, Any]) -> PlanTemplate:
    try:
        return parse_template(raw, file="content", sources=content.sources)
    except ContentError as refusal:
        raise InvalidField("/content", f"{refusal.item}: {refusal.message}") from None


def _read(content: Content, row: OwnTemplate, version: PlanTemplateVersion) -> PlanTemplate:
    return parse_template(version.content, file=row.code, sources=content.sources)


def _versions() -> Any:
    return select(OwnTemplate, PlanTemplateVersion).join(
        PlanTemplateVersion,
        (PlanTemplateVersion.clinic_id == OwnTemplate.clinic_id)
        & (PlanTemplateVersion.template_id == OwnTemplate.id),
    )


def _newest(
    session: Session, code: str | None = None, *, lock: bool = False
) -> list[tuple[OwnTemplate, PlanTemplateVersion]]:
    wanted = (
        _versions()
        .ext(distinct_on(OwnTemplate.code))
        .order_by(OwnTemplate.code, PlanTemplateVersion.number.desc())
    )
    if code is not None:
        wanted = _versions().where(OwnTemplate.code == code)
        wanted = wanted.order_by(PlanTemplateVersion.number.desc()).limit(1)
    if lock:
        # Versions are written once and may not be locked; the template stands for them.
        wanted = wanted.with_for_update(of=OwnTemplate)
    return [(row[0], row[1]) for row in session.execute(wanted)]
