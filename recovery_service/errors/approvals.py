"""Content that no clinician of the clinic has approved as it is."""

from collections.abc import Sequence
from typing import Any

from recovery_service.errors.base import FieldError
from recovery_service.errors.conflicts import Conflict


class ContentNotApproved(Conflict):
    """Clinical content that this patient needs is not approved, so no enrolment code is made.

    ``missing`` holds the pieces (`kind, code, version, …`) that a clinician has to approve.
    """

    code = "content_not_approved"
    refused = "No enrolment code is made"

    def __init__(self, missing: Sequence[Any]) -> None:
        named = ", ".join(f"{one.kind} {one.code} version {one.version}" for one in missing)
        super().__init__(
            f"{self.refused} until a physiotherapist or a surgeon of the clinic has"
            f" approved: {named}."
        )
        self.missing = tuple(missing)


class PlanNotApproved(ContentNotApproved):
    """The template of this plan, or content that every patient needs, is not approved.

    ``members`` tells clients which pieces wait.
    """

    code = "plan_not_approved"
    refused = "The plan is not published"

    @property
    def members(self) -> dict[str, Any]:
        """What the answer says beside the sentence."""
        names = ("kind", "code", "version", "content_hash", "title", "replaced")
        return {"missing": [{name: getattr(one, name) for name in names} for one in self.missing]}


class ContentChanged(Conflict):
    """The content is no longer what was read; read it again before you approve it.

    ``position`` is the place of the piece in the request.
    """

    code = "content_changed"

    def __init__(self, position: int) -> None:
        message = "This is not the hash of the content as it stands."
        super().__init__(message, errors=[FieldError(f"/pieces/{position}/content_hash", message)])
        self.position = position


class ApprovalWithdrawn(Conflict):
    """The approval has been withdrawn already."""

    code = "approval_withdrawn"
