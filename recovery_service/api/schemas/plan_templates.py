"""Plan templates on the wire."""

from marshmallow import fields

from recovery_service.api.schemas.base import RequestSchema, ResponseSchema, Text


class TemplateSummarySchema(ResponseSchema):
    """A template in a list."""

    code = fields.String(attribute="template.code", required=True)
    version = fields.Integer(attribute="template.version", required=True)
    procedure = fields.String(attribute="template.procedure", required=True)
    variant = fields.String(attribute="template.variant", allow_none=True)
    default = fields.Boolean(attribute="template.default")
    title = fields.Dict(attribute="template.title", required=True)
    status = fields.String(attribute="template.status", required=True)
    content_hash = fields.String(attribute="template.content_hash", required=True)
    origin = fields.String(required=True, metadata={"enum": ["shipped", "clinic"]})
    based_on = fields.String(allow_none=True)


class TemplateSchema(TemplateSummarySchema):
    """A template with its whole content, as it is written."""

    content = fields.Function(lambda summary: summary.template.as_json(), required=True)


class TemplateList(ResponseSchema):
    """All templates of the clinic."""

    items = fields.List(fields.Nested(TemplateSummarySchema), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class NewTemplateRequest(RequestSchema):
    """The next version of a clinic's own template.

    `content` has the form of a shipped template's `content`; its `version` is
    counted by the service.
    """

    content = fields.Dict(keys=fields.String(), required=True)
    based_on = Text(64, load_default=None, allow_none=True)
