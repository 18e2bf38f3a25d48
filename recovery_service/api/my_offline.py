"""All that a phone needs for a week without a network."""

from flask import Response, jsonify

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.me import this_opening
from recovery_service.api.schemas.my_offline import OfflineSchema
from recovery_service.auth import allow
from recovery_service.database import transaction
from recovery_service.domain.access import Role
from recovery_service.extensions import parts
from recovery_service.services.offline import offline

blueprint = ApiBlueprint(
    "my_offline",
    __name__,
    url_prefix="/me/offline",
    description="All that a phone needs for a week without a network",
)
# `me` is JSON as it is read, as in `GET /me`.
_PARTS = OfflineSchema(exclude=["me"])


@blueprint.get("")
@allow(Role.PATIENT)
@blueprint.response(200, OfflineSchema)
def show() -> Response:
    """Give everything that the app shows in the seven days after today, of one instant.

    Each part is what its own address answers, in the same form, so that an app reads both
    with the same code; `check_in_forms` has the form of each date, because the questions
    differ by day. Beside it keep the signed rules of `safety_rules`: they are the same for a
    week, so ask for them with `If-None-Match`. After `valid_until` go on with what there is
    and say that it is old. What is reported meanwhile is taken whatever its age.
    """
    own = parts()
    with transaction() as session:
        shown = offline(
            session,
            this_opening(),
            content=own.content,
            keys=own.keys,
            vapid_public_key=own.vapid_public_key,
        )
    shown["safety_rules"] = "/api/v1/me/safety-rules"
    return jsonify(_PARTS.dump(shown) | {"me": shown["me"]})
