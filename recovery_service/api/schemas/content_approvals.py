"""Pieces of clinical content and their approvals on the wire."""

from typing import Any

from marshmallow import fields, post_load, validate

from recovery_service.api.schemas.base import RequestSchema, ResponseSchema, Text, Translations
from recovery_service.domain.content_pieces import PieceKey

MAX_PIECES = 200
LONGEST_STATEMENT = 2000
STATES = ["approved", "unapproved", "changed_since", "withdrawn"]
_HASH = validate.Regexp(r"^[0-9a-f]{64}\Z", error="Not a SHA-256 in hex.")


class ContentDecisionSchema(ResponseSchema):
    """What a clinician decided about one version of a piece."""

    id = fields.UUID(required=True)
    kind = fields.String(required=True)
    code = fields.String(required=True)
    version = fields.Integer(required=True)
    content_hash = fields.String(required=True)
    decision = fields.String(required=True, metadata={"enum": ["approve", "withdraw"]})
    decided_by = fields.UUID(required=True)
    decided_by_name = fields.String(required=True)
    decided_as = fields.String(required=True, metadata={"enum": ["physiotherapist", "surgeon"]})
    decided_at = fields.AwareDateTime(required=True)
    statement = fields.String(required=True, allow_none=True)


class PieceSchema(ResponseSchema):
    """A piece of content as it stands now."""

    kind = fields.String(attribute="piece.kind", required=True)
    code = fields.String(attribute="piece.code", required=True)
    version = fields.Integer(attribute="piece.version", required=True)
    content_hash = fields.String(
        attribute="piece.content_hash",
        required=True,
        metadata={"description": "SHA-256 of the content in canonical JSON, in hex"},
    )
    title = Translations(attribute="piece.title", required=True)
    origin = fields.String(
        attribute="piece.origin", required=True, metadata={"enum": ["shipped", "clinic"]}
    )
    procedure = fields.String(
        attribute="piece.procedure",
        required=True,
        allow_none=True,
        metadata={"description": "Null for what every operation needs"},
    )
    state = fields.String(required=True, metadata={"enum": STATES})
    decision = fields.Nested(
        ContentDecisionSchema,
        required=True,
        allow_none=True,
        metadata={"description": "The newest decision on exactly this version"},
    )
    before = fields.Nested(
        ContentDecisionSchema,
        required=True,
        allow_none=True,
        metadata={"description": "The newest approval of another version that still stands"},
    )


class ContentRegisterSchema(ResponseSchema):
    """Every piece of content, and whether the clinic needs approvals at all."""

    required = fields.Boolean(
        required=True,
        metadata={"description": "False for demo and sandbox clinics"},
    )
    items = fields.List(fields.Nested(PieceSchema), required=True)
    next_cursor = fields.String(allow_none=True, required=True)


class ContentChangeSchema(ResponseSchema):
    """One place that differs from what was approved before; null is what is not there."""

    place = fields.String(required=True, metadata={"example": "items/walk_protect/dose/minutes"})
    before = fields.Raw(required=True, allow_none=True)
    after = fields.Raw(required=True, allow_none=True)


class PieceReadingSchema(PieceSchema):
    """A piece with its whole content, to be read before it is approved."""

    content = fields.Dict(attribute="piece.content", required=True)
    changes = fields.List(fields.Nested(ContentChangeSchema), required=True)


class PieceReference(RequestSchema):
    """A piece as it was read; the hash says which version that was."""

    kind = Text(32, required=True)
    code = Text(64, required=True)
    content_hash = fields.String(required=True, validate=_HASH)

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> PieceKey:
        """Return what is approved."""
        return PieceKey(**loaded)


class StatementRequest(RequestSchema):
    """Why, in the clinician's own words."""

    statement = Text(LONGEST_STATEMENT, load_default=None, allow_none=True)


class ApprovalRequest(StatementRequest):
    """What was read and is approved: all of it, or nothing."""

    pieces = fields.List(
        fields.Nested(PieceReference), required=True, validate=validate.Length(1, MAX_PIECES)
    )


class MissingPieceSchema(ResponseSchema):
    """A piece that has to be approved first."""

    kind = fields.String(required=True)
    code = fields.String(required=True)
    version = fields.Integer(required=True)
    content_hash = fields.String(required=True)
    title = Translations(required=True)
    replaced = fields.Boolean(
        required=True,
        metadata={"description": "The plan was drafted from a version that is gone: draft again"},
    )


class CodeWithheldSchema(ResponseSchema):
    """Why no enrolment code was made, with the stable code of the reason."""

    code = fields.String(required=True, metadata={"enum": ["content_not_approved"]})
    detail = fields.String(required=True)
    missing = fields.List(fields.Nested(MissingPieceSchema), required=True)
