"""How many check-ins alert, for those who weigh what an alert costs."""

from typing import Any

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.alert_budget import AlertBudgetSchema
from recovery_service.auth import allow, current_actor, request_time
from recovery_service.database import transaction
from recovery_service.domain.access import STAFF
from recovery_service.domain.red_flag_rules import TIERS
from recovery_service.extensions import parts
from recovery_service.reminders.alert_budget import WINDOWS, Share, shares

blueprint = ApiBlueprint(
    "alert_budget", __name__, url_prefix="/clinic/alert-budget", description="How many alert"
)


@blueprint.get("")
@allow(*STAFF)
@blueprint.response(200, AlertBudgetSchema)
def show() -> dict[str, Any]:
    """Show the share of the clinic's check-ins that alerted in 7 and 28 days, and the aim.

    Counted by the worker every five minutes (`counted_at`), by days of UTC.
    """
    with transaction() as session:
        found = shares(session, now=request_time(), clinic_id=current_actor().clinic_id)
    by_days = {one.days: one for one in found}
    return {
        "aim": parts().content.alert_policy.budget,
        "counted_at": max((one.counted_at for one in found), default=None),
        "windows": [_shown(days, by_days.get(days)) for days in WINDOWS],
    }


def _shown(days: int, found: Share | None) -> dict[str, Any]:
    return {
        "days": days,
        "check_ins": found.check_ins if found else 0,
        "share": found.share() if found else None,
        "tiers": [
            {
                "tier": tier,
                "check_ins": found.alerted[tier] if found else 0,
                "share": found.share(tier) if found else None,
            }
            for tier in TIERS
        ],
    }
