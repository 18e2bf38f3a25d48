"""Plan templates: what a plan can be drafted from."""

from typing import Any

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.plan_templates import (
    NewTemplateRequest,
    TemplateList,
    TemplateSchema,
)
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CLINICIANS, STAFF
from recovery_service.errors import NoSuchObject
from recovery_service.extensions import parts
from recovery_service.services import templates
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
def create(new: dict[str, Any]) -> TemplateSummary:
    """Store the next version of a clinic's own template."""
    with transaction() as session:
        saved = templates.save_version(
            session,
            current_actor(),
            parts().content,
            new["content"],
            based_on=new["based_on"],
            now=request_time(),
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
