"""The address of a calendar on the wire."""

from marshmallow import fields

from recovery_service.api.schemas.base import RequestSchema, ResponseSchema, TrueOrFalse


class FeedRequest(RequestSchema):
    """How much the calendar may show to whoever has its address."""

    detail = TrueOrFalse(
        load_default=False,
        metadata={"description": "Titles, places and preparation instead of neutral titles"},
    )


class FeedSchema(ResponseSchema):
    """The address to subscribe to; it cannot be shown again."""

    url = fields.URL(required=True, relative=False)
    detail = fields.Boolean(required=True)
