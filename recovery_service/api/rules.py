"""Red-flag rules: changed ones put to the past, before anybody switches them on."""

from typing import Any

import structlog

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.rules import BackTestRequest, BackTestSchema
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import CLINICIANS
from recovery_service.domain.content_fields import ContentError
from recovery_service.domain.red_flag_rules import RedFlagRules
from recovery_service.errors import InvalidField
from recovery_service.extensions import parts
from recovery_service.services import audit
from recovery_service.services.back_testing import Past, back_test, changed_rules, rule_tables

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "rules", __name__, url_prefix="/rules", description="The rules that answer check-ins"
)
#: What one request may look at: some seconds of a processor.
MOST_PATIENT_DAYS = 20_000


@blueprint.post("/backtest")
@allow(*CLINICIANS)
@blueprint.arguments(BackTestRequest)
@blueprint.response(200, BackTestSchema)
def test(given: dict[str, Any]) -> dict[str, Any]:
    """Say what changed rules would have found in the clinic's past; nothing is stored."""
    actor, now = current_actor(), request_time()
    changed = _changed(given)
    past = Past(
        clinic_id=actor.clinic_id,
        last_day=now.date(),
        days=given["days"],
        procedure=given["procedure"],
    )
    with transaction() as session:
        audit.record(session, actor, "rules_backtested", "clinic", actor.clinic_id, now=now)
        report = back_test(
            session,
            parts().content.red_flags,
            changed,
            past,
            most_patient_days=MOST_PATIENT_DAYS,
        )
    log.info("rules_backtested", count=report.episodes)
    return report.as_json()


def _changed(given: dict[str, Any]) -> RedFlagRules:
    """Read the rules of the body; raises InvalidField naming the rule."""
    field = "toml" if given["toml"] is not None else "rules"
    raw = _tables(given["toml"]) if field == "toml" else given["rules"]
    try:
        return changed_rules(parts().content, raw, file=field)
    except ContentError as refusal:
        raise InvalidField(f"/{field}", f"{refusal.item}: {refusal.message}") from None


def _tables(text: str) -> dict[str, Any]:
    try:
        return rule_tables(text)
    except ValueError as broken:
        raise InvalidField("/toml", f"Not TOML of rules: {broken}") from None
