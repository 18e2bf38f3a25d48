"""Messages on the wire, of both sides."""

from typing import Any

from marshmallow import fields, post_load, validate

from recovery_service.api.pagination import PageArguments, PageRequest, page_schema
from recovery_service.api.schemas.base import (
    Instant,
    RequestSchema,
    ResponseSchema,
    Text,
    WholeNumber,
)
from recovery_service.api.schemas.me import MyMonitoringSchema
from recovery_service.api.schemas.my_check_ins import AdviceSchema
from recovery_service.domain.messages import LONGEST, NewMessage


class MessageRequest(RequestSchema):
    """A message; the client chooses `id`, so that sending it again changes nothing."""

    id = fields.UUID(required=True)
    text = Text(LONGEST, required=True, metadata={"example": "May I take a bath?"})
    written_at = Instant(
        allow_none=True, load_default=None, metadata={"description": "The client's clock"}
    )

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewMessage:
        """Return the message."""
        return NewMessage(**loaded)


class ReadRequest(RequestSchema):
    """The number of the latest message that was read."""

    up_to = WholeNumber(required=True, validate=validate.Range(min=1, max=2**31 - 1))


class MessageSchema(ResponseSchema):
    """A message as it is stored; one that was entered in error has no text any more."""

    id = fields.UUID(required=True)
    episode_id = fields.UUID(required=True)
    number = fields.Integer(required=True, metadata={"description": "Counts up in its thread"})
    sender = fields.String(required=True, metadata={"enum": ["patient", "staff"]})
    author = fields.String(
        required=True, allow_none=True, metadata={"description": "Who of the care team wrote it"}
    )
    text = fields.String(required=True, allow_none=True)
    sounds = fields.String(
        required=True,
        allow_none=True,
        metadata={
            "enum": ["urgent", "crisis", None],
            "description": "Which list of words it met. Null does not say that it is harmless",
        },
    )
    written_at = Instant(required=True)
    received_at = Instant(required=True)
    read = fields.Boolean(required=True, metadata={"description": "Whether the other side has"})
    withdrawn_at = Instant(required=True, allow_none=True)


class MessageAnswerSchema(ResponseSchema):
    """The answer to a patient's message: what its words ask for, and who reads it when."""

    message = fields.Nested(MessageSchema, required=True)
    summary = fields.String(required=True)
    advice = fields.List(fields.Nested(AdviceSchema), required=True)
    monitoring = fields.Nested(MyMonitoringSchema, required=True)


class MyMessagesSchema(page_schema(MessageSchema)):  # type: ignore[misc] # made at run time
    """A page of the thread, and how many of its messages the reader has not read."""

    unread = fields.Integer(required=True)


class ReadSchema(ResponseSchema):
    """What is still not read."""

    unread = fields.Integer(required=True)


class InboxArguments(PageArguments):
    """Which threads: of my patients, and with or without something unread."""

    mine = fields.Boolean(
        load_default=False, metadata={"description": "Only of patients whose care team I am in"}
    )
    unread = fields.Boolean(load_default=None, allow_none=True)

    @post_load
    def to_request(self, loaded: dict[str, Any], **_: object) -> Any:
        """Return the page asked for, and the other arguments beside it."""
        page = PageRequest(limit=loaded.pop("limit"), cursor=loaded.pop("cursor"))
        return {"page": page, **loaded}


class ThreadSchema(ResponseSchema):
    """One patient's thread in the inbox; what was written is not in here."""

    patient_id = fields.UUID(required=True)
    name = fields.String(required=True)
    episode_id = fields.UUID(required=True)
    last_at = Instant(required=True)
    unread = fields.Integer(required=True)
    unread_since = Instant(required=True, allow_none=True)
    sounds = fields.String(
        required=True, allow_none=True, metadata={"enum": ["urgent", "crisis", None]}
    )
    awaits_reply = fields.Boolean(
        required=True, metadata={"description": "Whether the patient wrote last"}
    )
    staff_read_at = Instant(required=True, allow_none=True)
