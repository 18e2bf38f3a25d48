"""Back-tests of rules on the wire."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from recovery_service.api.schemas.base import RequestSchema, ResponseSchema, WholeNumber
from recovery_service.domain.procedures import PROCEDURES
from recovery_service.domain.red_flag_rules import TIERS


class BackTestRequest(RequestSchema):
    """Changed rules, as JSON in the shape of `red_flags.toml` or as the text of such a file.

    `days` are those up to today that are looked at.
    """

    rules = fields.Dict(keys=fields.String(), load_default=None)
    toml = fields.String(load_default=None, validate=validate.Length(min=1))
    days = WholeNumber(load_default=90, validate=validate.Range(min=1, max=730))
    procedure = fields.String(
        load_default=None, allow_none=True, validate=validate.OneOf(tuple(PROCEDURES))
    )

    @validates_schema
    def one_of_both(self, given: dict[str, Any], **_: object) -> None:
        """Refuse none, and both."""
        if (given.get("rules") is None) == (given.get("toml") is None):
            raise ValidationError("Give either rules or toml.", "rules")


class FiresSchema(ResponseSchema):
    """How often rules fire: once for an episode and a date, at the strictest tier."""

    fires = fields.Integer(required=True)
    per_100_patient_days = fields.Float(required=True)
    by_tier = fields.Dict(
        keys=fields.String(validate=validate.OneOf(TIERS)), values=fields.Integer(), required=True
    )


class OverlapSchema(ResponseSchema):
    """The changed fires, by whether an alert stood in the episode that day."""

    in_own_alert = fields.Integer(required=True)
    in_other_alert = fields.Integer(required=True)
    in_no_alert = fields.Integer(required=True)


class ActedSchema(ResponseSchema):
    """Alerts, by whether staff acted on them."""

    acted_on = fields.Integer(required=True)
    not_acted_on = fields.Integer(required=True)
    unresolved = fields.Integer(required=True)


class AlertFatesSchema(ResponseSchema):
    """What would have become of the alerts of those days.

    `kept` by their own rule, `told_by_another` that is as strict, `weaker`: by their own at a
    milder tier only, `lost`.
    """

    kept = fields.Nested(ActedSchema, required=True)
    told_by_another = fields.Nested(ActedSchema, required=True)
    weaker = fields.Nested(ActedSchema, required=True)
    lost = fields.Nested(ActedSchema, required=True)


class RuleComparisonSchema(ResponseSchema):
    """One rule in force and changed; `new`, `lost` and `other_tier` count fires.

    `examples` holds at most five of each, by `new`, `lost`, `other_tier` (`{episode_id,
    date}`) and `lost_alerts` (`{alert_id}`, of those that staff acted on or that are open).
    """

    id = fields.String(required=True)
    in_force = fields.Nested(FiresSchema, required=True)
    changed = fields.Nested(FiresSchema, required=True)
    new = fields.Integer(required=True)
    lost = fields.Integer(required=True)
    other_tier = fields.Integer(required=True)
    overlap = fields.Nested(OverlapSchema, required=True)
    alerts = fields.Nested(AlertFatesSchema, required=True)
    examples = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.Dict(keys=fields.String(), values=fields.String())),
        required=True,
    )


class BackTestSchema(ResponseSchema):
    """A back-test; `not_judged` are rules that read what the service counts and does not keep."""

    episodes = fields.Integer(required=True)
    patient_days = fields.Integer(required=True)
    check_ins = fields.Integer(required=True)
    not_judged = fields.List(fields.String(), required=True)
    in_force = fields.Nested(FiresSchema, required=True)
    changed = fields.Nested(FiresSchema, required=True)
    rules = fields.List(fields.Nested(RuleComparisonSchema), required=True)
