"""The instruments: which there are, how they are scored, and which change counts."""

from typing import Any

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.questionnaires import InstrumentList
from recovery_service.auth import allow
from recovery_service.domain.access import STAFF
from recovery_service.extensions import parts

blueprint = ApiBlueprint(
    "instruments",
    __name__,
    url_prefix="/instruments",
    description="Patient-reported outcomes: scores, thresholds and their sources",
)


@blueprint.get("")
@allow(*STAFF)
@blueprint.response(200, InstrumentList)
def index() -> dict[str, Any]:
    """List the registry; it is a draft that a clinician has to sign off."""
    instruments = parts().content.instruments
    return {
        "version": instruments.version,
        "status": instruments.status,
        "content_hash": instruments.content_hash,
        "items": list(instruments.by_code.values()),
        "next_cursor": None,
    }
