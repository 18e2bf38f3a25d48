"""What is not there, has changed meanwhile, or cannot be answered now."""

from recovery_service.errors.base import FieldError, RecoveryError


class NotFound(RecoveryError):
    """There is nothing at this address, or nothing that you may see."""

    code = "not_found"


class NoSuchObject(NotFound):
    """No object with this id exists, or it is not yours to see."""

    code = "no_such_object"

    def __init__(self, kind: str) -> None:
        super().__init__(f"There is no such {kind}.")
        self.kind = kind


class PreconditionFailed(RecoveryError):
    """The object has changed since you read it."""

    code = "precondition_failed"


class RevisionStale(PreconditionFailed):
    """Somebody changed the object since you read it; read it again.

    ``current`` is the entity tag that stands, without quotes.
    """

    code = "revision_stale"

    def __init__(self, current: str) -> None:
        super().__init__("Read the object again, then repeat the change.")
        self.current = current


class PreconditionRequired(RecoveryError):
    """This change needs a condition, so that nobody's work is overwritten."""

    code = "precondition_required"


class RevisionMissing(PreconditionRequired):
    """Send the entity tag of what you read as ``If-Match``."""

    code = "revision_missing"

    def __init__(self) -> None:
        message = "Send the header If-Match with the ETag of what you read."
        super().__init__(message, errors=[FieldError("If-Match", message)])


class MethodNotAllowed(RecoveryError):
    """This address does not know this method; ``Allow`` lists those it knows."""

    code = "method_not_allowed"


class Unavailable(RecoveryError):
    """The service cannot answer at the moment; try again soon.

    ``retry_after`` is in whole seconds.
    """

    code = "unavailable"

    def __init__(self, retry_after: int = 5) -> None:
        super().__init__(f"Try again in {retry_after} seconds.")
        self.retry_after = retry_after
