"""Plan templates: the shipped ones from files, a clinic's own from the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from recovery_service.domain.content import Content
from recovery_service.domain.content_fields import ContentError
from recovery_service.domain.plan_template_phases import refuse_what_no_form_asks
from recovery_service.domain.plan_templates import PlanTemplate, parse_template
from recovery_service.errors import InvalidField
from recovery_service.models import Episode, PlanTemplateBase, PlanTemplateVersion
from recovery_service.models import PlanTemplate as OwnTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSummary:
    """A template as a list shows it; ``origin`` is ``shipped`` or ``clinic``.

    ``based_on_version`` and ``based_on_hash`` say which content of ``based_on`` it was made
    of; None where nobody recorded it. ``upstream_changed`` says whether that has moved on.
    """

    template: PlanTemplate
    origin: str
    based_on: str | None = None
    based_on_version: int | None = None
    based_on_hash: str | None = None
    upstream_changed: bool | None = None


class Own(NamedTuple):
    """A version of a clinic's own template, and what is recorded of its base."""

    template: OwnTemplate
    version: PlanTemplateVersion
    base_number: int | None
    base_hash: str | None


def all_templates(session: Session, content: Content) -> list[TemplateSummary]:
    """Return the newest version of each template, shipped ones first."""
    shipped = [
        TemplateSummary(template=each, origin="shipped") for each in content.templates.values()
    ]
    found = newest(session)
    parsed = [_read(content, each) for each in found]
    now = {each.code: each.content_hash for each in (*content.templates.values(), *parsed)}
    return [
        *shipped,
        *(_summary(each, template, now) for each, template in zip(found, parsed, strict=True)),
    ]


def find(session: Session, content: Content, code: str) -> PlanTemplate | None:
    """Return the newest version of a template, a clinic's own included."""
    if code in content.templates:
        return content.templates[code]
    return next((_read(content, each) for each in newest(session, code)), None)


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
    own = Own._make(row)
    base = find(session, content, own.template.based_on) if own.template.based_on else None
    now = {base.code: base.content_hash} if base else {}
    return _summary(own, _read(content, own), now)


def default_for(session: Session, content: Content, episode: Episode) -> PlanTemplate:
    """Return the template that was chosen for the episode, or its procedure's default."""
    chosen = find(session, content, episode.plan_template) if episode.plan_template else None
    return chosen or content.templates_for(episode.procedure)[0]


def defaults_for(
    session: Session, content: Content, episodes: Sequence[Episode]
) -> list[PlanTemplate]:
    """Return the template of each episode, in one statement and only where some are own ones."""
    chosen = {each.plan_template for each in episodes if each.plan_template}
    own = {}
    if chosen - content.templates.keys():
        rows = [each for each in newest(session) if each.template.code in chosen]
        own = {each.template.code: _read(content, each) for each in rows}
    known = {**own, **content.templates}
    return [
        known.get(each.plan_template or "") or content.templates_for(each.procedure)[0]
        for each in episodes
    ]


def parsed(content: Content, raw: Mapping[str, Any]) -> PlanTemplate:
    """Read a clinic's content as strictly as a shipped one; raises InvalidField."""
    try:
        template = parse_template(raw, file="content", sources=content.sources)
        refuse_what_no_form_asks(template, content.check_ins, file="content")
    except ContentError as refusal:
        raise InvalidField("/content", f"{refusal.item}: {refusal.message}") from None
    return template


def _read(content: Content, own: Own) -> PlanTemplate:
    return parse_template(own.version.content, file=own.template.code, sources=content.sources)


def _summary(own: Own, template: PlanTemplate, now: Mapping[str, str]) -> TemplateSummary:
    """Return an own template as it is shown; `now` has the hashes of what it may be based on."""
    based_on = own.template.based_on
    upstream = now.get(based_on) if based_on else None
    known = own.base_hash is not None and upstream is not None
    return TemplateSummary(
        template=template,
        origin="clinic",
        based_on=based_on,
        based_on_version=own.base_number,
        based_on_hash=own.base_hash,
        upstream_changed=own.base_hash != upstream if known else None,
    )


def _versions() -> Any:
    return (
        select(
            OwnTemplate, PlanTemplateVersion, PlanTemplateBase.number, PlanTemplateBase.content_hash
        )
        .join(
            PlanTemplateVersion,
            (PlanTemplateVersion.clinic_id == OwnTemplate.clinic_id)
            & (PlanTemplateVersion.template_id == OwnTemplate.id),
        )
        .outerjoin(
            PlanTemplateBase,
            (PlanTemplateBase.clinic_id == PlanTemplateVersion.clinic_id)
            & (PlanTemplateBase.version_id == PlanTemplateVersion.id),
        )
    )


def newest(session: Session, code: str | None = None, *, lock: bool = False) -> list[Own]:
    """Return the newest version of each own template, or of one; locked for who adds to it."""
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
    return [Own._make(row) for row in session.execute(wanted)]
