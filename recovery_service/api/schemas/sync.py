"""A phone's sync on the wire."""

from marshmallow import fields, validate

from recovery_service.api.schemas.base import (
    FieldErrorSchema,
    Instant,
    RequestSchema,
    ResponseSchema,
)
from recovery_service.api.schemas.me import MyMonitoringSchema
from recovery_service.domain.sync_cursors import LONGEST_AWAY, MOST_CHARACTERS
from recovery_service.services.sync_operations import STATUSES

MOST_OPERATIONS = 100


class AnyJson(fields.Raw):
    """Whatever a payload is: it is read by its own schema, so that others are not held up."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(allow_none=True, **kwargs)  # type: ignore[arg-type]


class OperationRequest(RequestSchema):
    """One thing that was done on the phone; `id` makes sending it again harmless."""

    id = fields.UUID(required=True)
    type = fields.String(
        required=True, validate=validate.Length(1, 32), metadata={"example": "check_in"}
    )
    payload = AnyJson(
        required=True,
        metadata={
            "description": "The body of the route that takes it alone, with the id of its address "
            "as `occurrence_id`, `notification_id`, `advice_id` or `appointment_id`. `id` may be "
            "left out: it is the operation's"
        },
    )


class SyncRequest(RequestSchema):
    """What the phone did since, and what it has seen."""

    cursor = fields.String(
        allow_none=True,
        load_default=None,
        validate=validate.Length(max=MOST_CHARACTERS),
        metadata={"description": "As the last answer gave it; without one everything is sent"},
    )
    sent_at = Instant(required=True, metadata={"description": "The phone's clock, now"})
    operations = fields.List(
        fields.Nested(OperationRequest),
        required=True,
        validate=validate.Length(
            max=MOST_OPERATIONS, error=f"At most {MOST_OPERATIONS} operations."
        ),
    )


class ResultSchema(ResponseSchema):
    """What came of one operation, beside what its type tells (see `docs/sync.md`)."""

    id = fields.UUID(required=True)
    type = fields.String(required=True)
    status = fields.String(required=True, metadata={"enum": list(STATUSES)})
    code = fields.String(metadata={"description": "Why not", "example": "invalid"})
    errors = fields.List(
        fields.Nested(FieldErrorSchema), metadata={"description": "Pointers into the operation"}
    )
    stored = fields.Dict(
        metadata={
            "description": "With `conflict`: the object that stands. With `messages_closed`: whom "
            "to call instead, as the route says it"
        }
    )


class TombstoneSchema(ResponseSchema):
    """Something that is gone."""

    collection = fields.String(required=True, metadata={"example": "appointments"})
    id = fields.String(required=True)


class ClockSchema(ResponseSchema):
    """How the phone's clock compares with ours."""

    now = Instant(required=True, metadata={"description": "Our clock"})
    skew_seconds = fields.Integer(
        required=True, metadata={"description": "By how much the phone's is ahead"}
    )
    suspect = fields.Boolean(
        required=True, metadata={"description": "So much that it dates nothing by itself"}
    )


class SyncAnswerSchema(ResponseSchema):
    """What came of what was sent, and what has changed since."""

    results = fields.List(fields.Nested(ResultSchema), required=True)
    changes = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={
            "description": "Objects by collection (`check_ins`, `advice`, `appointments`, "
            "`messages`), each "
            "replacing what the phone has under its `id`; and documents (`me`, `plan`, `agenda`, "
            "`check_in_form`, `notifications`, `message_thread`, `safety_rules`), left out where "
            "nothing changed"
        },
    )
    tombstones = fields.List(fields.Nested(TombstoneSchema), required=True)
    monitoring = fields.Nested(MyMonitoringSchema, required=True)
    clock = fields.Nested(ClockSchema, required=True)
    cursor = fields.String(
        required=True,
        metadata={
            "description": f"Opaque, at most {MOST_CHARACTERS} characters; good for "
            f"{LONGEST_AWAY.days} days"
        },
    )
    resync = fields.Boolean(
        required=True,
        metadata={"description": "`changes` are all there is: forget everything else"},
    )
