"""Plan templates on the wire."""

from typing import Any

from marshmallow import fields, post_load, validate

from recovery_service.api.schemas.base import (
    RequestSchema,
    ResponseSchema,
    Text,
    Translations,
    WholeNumber,
)
from recovery_service.domain.plan_changes import ADDED, CHANGED, REMOVED
from recovery_service.domain.template_changes import PARTS, YOURS
from recovery_service.services.template_versions import NewVersion


class TemplateSummarySchema(ResponseSchema):
    """A template in a list."""

    code = fields.String(attribute="template.code", required=True)
    version = fields.Integer(attribute="template.version", required=True)
    procedure = fields.String(attribute="template.procedure", required=True)
    variant = fields.String(attribute="template.variant", allow_none=True)
    default = fields.Boolean(attribute="template.default")
    title = Translations(attribute="template.title", required=True)
    status = fields.String(attribute="template.status", required=True)
    content_hash = fields.String(attribute="template.content_hash", required=True)
    origin = fields.String(required=True, metadata={"enum": ["shipped", "clinic"]})
    based_on = fields.String(allow_none=True)
    based_on_version = fields.Integer(
        allow_none=True, metadata={"description": "Which version of it; null if nobody recorded it"}
    )
    based_on_hash = fields.String(allow_none=True)
    upstream_changed = fields.Boolean(
        allow_none=True,
        metadata={"description": "Whether that template has changed since; null if unknown"},
    )


class TemplateSchema(TemplateSummarySchema):
    """A template with its whole content, as it is written."""

    content = fields.Function(
        lambda summary: summary.template.as_json(), required=True, metadata={"type": "object"}
    )


class TemplateList(ResponseSchema):
    """All templates of the clinic."""

    items = fields.List(fields.Nested(TemplateSummarySchema), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class NewTemplateRequest(RequestSchema):
    """The next version of a clinic's own template.

    `content` has the form of a shipped template's `content`; its `version` is
    counted by the service. `based_on_version` says that this version of the template it is
    based on has been looked at; it must be the present one.
    """

    content = fields.Dict(keys=fields.String(), required=True)
    based_on = Text(64, load_default=None, allow_none=True)
    based_on_version = WholeNumber(
        load_default=None, allow_none=True, validate=validate.Range(1, 10_000)
    )

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewVersion:
        """Return the version as the service takes it."""
        return NewVersion(**loaded)


class UpstreamChangeSchema(ResponseSchema):
    """One entry that has changed upstream."""

    part = fields.String(required=True, metadata={"enum": list(PARTS)})
    code = fields.String(required=True)
    from_day = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Tells restrictions of one code apart"},
    )
    change = fields.String(required=True, metadata={"enum": [ADDED, REMOVED, CHANGED]})
    fields_ = fields.List(
        fields.String(),
        attribute="fields",
        data_key="fields",
        required=True,
        metadata={"description": "What of it is different", "example": ["rule", "dose"]},
    )
    yours = fields.String(
        required=True,
        metadata={
            "enum": list(YOURS),
            "description": "What your template has of it: `unchanged` (as it was upstream), "
            "`edited`, `absent`, or `same` (as it is upstream now)",
        },
    )


class UpstreamSchema(ResponseSchema):
    """What has become of the template that an own one is based on."""

    code = fields.String(attribute="own.template.code", required=True)
    version = fields.Integer(attribute="own.template.version", required=True)
    based_on = fields.String(attribute="own.based_on", required=True, allow_none=True)
    based_on_version = fields.Integer(
        attribute="own.based_on_version", required=True, allow_none=True
    )
    based_on_hash = fields.String(attribute="own.based_on_hash", required=True, allow_none=True)
    upstream_version = fields.Integer(
        required=True,
        allow_none=True,
        metadata={"description": "Its present version; null if it no longer exists"},
    )
    upstream_hash = fields.String(required=True, allow_none=True)
    changes = fields.List(
        fields.Nested(UpstreamChangeSchema),
        required=True,
        allow_none=True,
        metadata={"description": "Null where there is no recorded base to compare with"},
    )
