"""Plan templates: what a plan can be drafted from."""

from typing import Any

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.plan_templates import (
    NewTemplateRequest,
    TemplateList,
    TemplateSchema,
    UpstreamSchema,
)
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CLINICIANS, STAFF
from recovery_service.errors import NoSuchObject
from recovery_service.extensions import parts
from recovery_service.services import template_versions, templates
from recovery_service.services.template_versions import NewVersion, Upstream
from recovery_service.services.templates import TemplateSummary

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "plan_templates",
    __name__,
    url_prefix="/plan-templates",
    description="Clinical content from which plans are made, each version with its hash",
)


@blueprint.get("")
@allow(*STAFF)
@blueprint.response(200, TemplateList)
def index() -> dict[str, Any]:
    """List the newest version of every template, shipped ones first."""
    with transaction() as session:
        return {"items": templates.all_templates(session, parts().content), "next_cursor": None}


@blueprint.post("")
@allow(*CLINICIANS)
@blueprint.arguments(NewTemplateRequest)
@blueprint.response(201, TemplateSchema)
def create(new: NewVersion) -> TemplateSummary:
    """Store the next version of a clinic's own template.

    The first version of one that is `based_on` another keeps that other as it is now. Later
    versions keep the same base, until `based_on_version` says that the present one was looked at.
    """
    with transaction() as session:
        saved = template_versions.save_version(
            session, current_actor(), parts().content, new, now=request_time()
        )
    log.info("plan_template_saved", version=saved.template.version)
    return saved


@blueprint.get("/<string:code>/versions/<int:number>")
@allow(*STAFF)
@blueprint.response(200, TemplateSchema)
def show(code: str, number: int) -> TemplateSummary:
    """Show one version with its whole content."""
    with transaction() as session:
        found = templates.find_version(session, parts().content, code, number)
    if found is None:
        raise NoSuchObject("template version")
    return found


@blueprint.get("/<string:code>/upstream-changes")
@allow(*STAFF)
@blueprint.response(200, UpstreamSchema)
def upstream_changes(code: str) -> Upstream:
    """Tell what has changed in the template that a clinic's own was based on, entry by entry.

    Nothing is taken over by itself: save a version with what you want of it, and name the
    `based_on_version` that you have looked at.
    """
    with transaction() as session:
        return template_versions.upstream_of(session, parts().content, code)
