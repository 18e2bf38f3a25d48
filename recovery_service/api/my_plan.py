"""The plan that the patient follows."""

from recovery_service.api.blueprint import ApiBlueprint
from recovery_service.api.schemas.my_plan import MyPlanSchema
from recovery_service.auth import (
    allow,
    current_actor,
    current_patient_id,
    request_language,
    request_time,
)
from recovery_service.database import transaction
from recovery_service.domain.access import Role
from recovery_service.extensions import parts
from recovery_service.services.my_plan import MyPlan, my_plan

blueprint = ApiBlueprint(
    "my_plan", __name__, url_prefix="/me/plan", description="The plan that the patient follows"
)


@blueprint.get("")
@allow(Role.PATIENT)
@blueprint.response(200, MyPlanSchema)
def show() -> MyPlan:
    """Show the live plan in the patient's language and at the patient's own times.

    Until a clinician has published one there is its state and nothing else.
    """
    with transaction() as session:
        return my_plan(
            session,
            current_actor().clinic_id,
            current_patient_id(),
            parts().content,
            language=request_language(),
            now=request_time(),
        )
