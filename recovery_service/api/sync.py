"""A phone's sync: what it did goes in, what changed comes out."""

from typing import Any

import orjson
import structlog
from flask import Response

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.sync import SyncAnswerSchema, SyncRequest
from recovery_service.api.sync_answers import changes_since
from recovery_service.api.sync_batches import perform
from recovery_service.auth import allow, request_time
from recovery_service.domain.access import Role
from recovery_service.domain.clock_skew import is_suspect, skew_of
from recovery_service.services.sync_operations import CREATED, DUPLICATE

log = structlog.get_logger()
blueprint = ApiBlueprint(
    "sync", __name__, url_prefix="/me/sync", description="A phone that was away catches up"
)


@blueprint.post("", keyless="each operation has an id of its own")
@allow(Role.PATIENT)
@blueprint.arguments(SyncRequest)
@blueprint.response(200, SyncAnswerSchema)
def sync(wanted: dict[str, Any]) -> Response:
    """Take what a phone did while it was away, and tell it what changed meanwhile.

    Each operation ends for itself: `created`; `duplicate`, it had been sent before; `conflict`,
    its id stands for something else; `rejected`, as it is it can never be taken; `retry`, send
    it again later. A check-in that is rejected is kept and shown to the clinic. The answer
    comes after everything is safely stored. The cursor leaves out nothing that was committed,
    and tells nothing twice; one that cannot be gone on from is answered with `resync`.
    """
    now = request_time()
    skew = skew_of(wanted["sent_at"], now=now)
    results = perform(wanted["operations"], skew, now=now)
    # After the commit: what the phone itself did is among what it has seen from now on.
    told = {"results": results, **changes_since(wanted["cursor"], now=now)}
    stored = sum(each["status"] in (CREATED, DUPLICATE) for each in results)
    log.info("phone_synced", count=len(results), failed=len(results) - stored)
    told["clock"] = {
        "now": now,
        "skew_seconds": round(skew.total_seconds()),
        "suspect": is_suspect(skew),
    }
    return Response(orjson.dumps(told, option=orjson.OPT_UTC_Z), 200, mimetype="application/json")
