"""Who asks is unknown, may not, or asks too often."""

from recovery_service.errors.base import RecoveryError


class Unauthenticated(RecoveryError):
    """Sign in first, or send a valid access token."""

    code = "not_authenticated"


class SessionExpired(Unauthenticated):
    """The session has expired; sign in or enrol again, and keep what is unsent."""

    code = "session_expired"


class AccessEnded(Unauthenticated):
    """Access has ended for good; what the device keeps may be deleted."""

    code = "access_ended"


class SignInFailed(Unauthenticated):
    """The e-mail address, the password or the one-time code is wrong."""

    code = "sign_in_failed"


class SecondFactorNeeded(Unauthenticated):
    """This account needs a one-time code as well."""

    code = "second_factor_needed"


class Forbidden(RecoveryError):
    """You may not do this."""

    code = "forbidden"


class NotAllowed(Forbidden):
    """Your role does not allow this.

    ``action`` says what was tried, in the words of the access rules.
    """

    code = "not_allowed"

    def __init__(self, action: str) -> None:
        super().__init__(f"Your role does not allow you to {action}.")
        self.action = action


class TooManyRequests(RecoveryError):
    """Too many requests; wait before you try again.

    ``retry_after`` is in whole seconds.
    """

    code = "too_many_requests"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Try again in {retry_after} seconds.")
        self.retry_after = retry_after
