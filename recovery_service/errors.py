"""Everything that the service refuses, as one tree.

::

    RecoveryError                    internal_error
    ├── NotFound                     not_found
    │   └── NoSuchObject             no_such_object
    ├── Conflict                     conflict
    │   ├── ClientIdReused           client_id_reused
    │   ├── EpisodeAlreadyOpen       episode_already_open
    │   ├── EpisodeEnded             episode_ended
    │   ├── EpisodeOnHold            episode_on_hold
    │   ├── EpisodeNotOnHold         episode_not_on_hold
    │   ├── ExternalIdKnown          external_id_known
    │   ├── EmailTaken               email_taken
    │   ├── LastAdmin                last_admin
    │   ├── AppointmentSettled       appointment_settled
    │   ├── PlanEnded                plan_ended
    │   ├── DraftMissing             draft_missing
    │   ├── DraftExists              draft_exists
    │   ├── NothingToPublish         nothing_to_publish
    │   ├── NothingToReopen          nothing_to_reopen
    │   ├── OccurrenceTooOld         occurrence_too_old
    │   ├── EnrolmentCodeUsed        enrolment_code_used
    │   ├── EnrolmentCodeExpired     enrolment_code_expired
    │   ├── DeviceIdTaken            device_id_taken
    │   ├── TooManyDevices           too_many_devices
    │   └── EnrolmentCodeLocked      enrolment_code_locked
    ├── Invalid                      invalid
    │   ├── InvalidField             invalid_field
    │   ├── InvalidCursor            invalid_cursor
    │   ├── SurgeryDateNeeded        surgery_date_needed
    │   └── EnrolmentCodeInvalid     enrolment_code_invalid
    ├── PreconditionFailed           precondition_failed
    │   └── RevisionStale            revision_stale
    ├── PreconditionRequired         precondition_required
    │   └── RevisionMissing          revision_missing
    ├── Unauthenticated              not_authenticated
    │   ├── SessionExpired           session_expired
    │   ├── AccessEnded              access_ended
    │   ├── SignInFailed             sign_in_failed
    │   └── SecondFactorNeeded       second_factor_needed
    ├── Forbidden                    forbidden
    │   └── NotAllowed               not_allowed
    ├── TooManyRequests              too_many_requests
    ├── TooLarge                     too_large
    ├── Malformed                    malformed
    │   └── MalformedJson            malformed_json
    ├── UnsupportedMediaType         unsupported_media_type
    ├── MethodNotAllowed             method_not_allowed
    └── Unavailable                  unavailable

Every class has a stable ``code`` and keeps its facts as attributes; which HTTP
status a family gets is decided at the edge, in ``http_errors``. The first line
of a docstring is the meaning that clients and the API reference show. Texts
given to an error reach clients: they name fields and reasons, never values.
"""

# ruff: noqa: N818 - the names are what happened, in the words of the field

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, NamedTuple
from uuid import UUID


class FieldError(NamedTuple):
    """What is wrong with one field.

    ``pointer`` is a JSON pointer into the body (``/episode/discharge_date``;
    the empty string is the whole body) or, for an argument in the query, its
    name after a question mark (``?limit``).
    """

    pointer: str
    message: str


class RecoveryError(Exception):
    """Something went wrong inside the service; it has been logged."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, detail: str = "", *, errors: Iterable[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)

    @classmethod
    def meaning(cls) -> str:
        """Return the first line of the docstring: what the code means."""
        return (cls.__doc__ or cls.code).strip().splitlines()[0]


class NotFound(RecoveryError):
    """There is nothing at this address, or nothing that you may see."""

    code = "not_found"


class NoSuchObject(NotFound):
    """No object with this id exists, or it is not yours to see."""

    code = "no_such_object"

    def __init__(self, kind: str) -> None:
        super().__init__(f"There is no such {kind}.")
        self.kind = kind


class Conflict(RecoveryError):
    """The request contradicts what is stored."""

    code = "conflict"


class ClientIdReused(Conflict):
    """This id was already used for an object with other content.

    ``stored`` is the object that stands. The API replaces it by its JSON
    object before the answer is written.
    """

    code = "client_id_reused"

    def __init__(self, kind: str, client_id: UUID | str, stored: Any) -> None:
        super().__init__(
            f"This {kind} already exists with other content.",
            errors=[FieldError("/id", "Choose a new id for new content.")],
        )
        self.kind = kind
        self.client_id = client_id
        self.stored = stored


class EpisodeAlreadyOpen(Conflict):
    """The patient already has an open episode; at most one may be open."""

    code = "episode_already_open"

    def __init__(self, episode_id: UUID | str) -> None:
        super().__init__("End the open episode before opening another.")
        self.episode_id = episode_id


class EpisodeEnded(Conflict):
    """The episode has ended and takes no more changes of this kind."""

    code = "episode_ended"

    def __init__(self, episode_id: UUID | str) -> None:
        super().__init__("The episode has ended.")
        self.episode_id = episode_id


class EpisodeOnHold(Conflict):
    """The episode is already on hold; release it first."""

    code = "episode_on_hold"

    def __init__(self, episode_id: UUID | str) -> None:
        super().__init__("The episode is on hold.")
        self.episode_id = episode_id


class EpisodeNotOnHold(Conflict):
    """The episode is not on hold, so there is nothing to release."""

    code = "episode_not_on_hold"

    def __init__(self, episode_id: UUID | str) -> None:
        super().__init__("The episode is not on hold.")
        self.episode_id = episode_id


class ExternalIdKnown(Conflict):
    """Another patient of the clinic already has this external id."""

    code = "external_id_known"

    def __init__(self, system: str, *, position: int = 0) -> None:
        message = f"A patient with this {system} id is already registered."
        super().__init__(message, errors=[FieldError(f"/external_ids/{position}", message)])
        self.system = system
        self.position = position


class EmailTaken(Conflict):
    """Another member of the clinic's staff signs in with this e-mail address."""

    code = "email_taken"

    def __init__(self) -> None:
        message = "Somebody else signs in with this address."
        super().__init__(message, errors=[FieldError("/email", message)])


class LastAdmin(Conflict):
    """The clinic would be left without anybody who may manage it."""

    code = "last_admin"

    def __init__(self) -> None:
        super().__init__("Make somebody else an admin first.")


class AppointmentSettled(Conflict):
    """The appointment's state does not allow this change.

    ``state`` is the one that stands, ``wanted`` the one that was asked for.
    """

    code = "appointment_settled"

    def __init__(self, state: str, wanted: str) -> None:
        message = f"It is {state} and cannot become {wanted}."
        super().__init__(message, errors=[FieldError("/state", message)])
        self.state = state
        self.wanted = wanted


class PlanEnded(Conflict):
    """The recovery plan has ended and cannot be changed."""

    code = "plan_ended"


class DraftMissing(Conflict):
    """The plan has no draft revision to change; begin one first."""

    code = "draft_missing"


class DraftExists(Conflict):
    """The plan already has a draft revision; change or publish that one."""

    code = "draft_exists"


class NothingToPublish(Conflict):
    """The draft has no items, or does not differ from the live revision."""

    code = "nothing_to_publish"


class NothingToReopen(Conflict):
    """Only what was done or skipped can be reopened."""

    code = "nothing_to_reopen"


class OccurrenceTooOld(Conflict):
    """This lies too far back to be answered now; tell it in the next check-in.

    ``days`` is how far back an answer is taken.
    """

    code = "occurrence_too_old"

    def __init__(self, days: int) -> None:
        super().__init__(f"What is planned can be answered up to {days} days later.")
        self.days = days


class EnrolmentCodeUsed(Conflict):
    """The enrolment code has been used; ask the clinic for a new one."""

    code = "enrolment_code_used"


class EnrolmentCodeExpired(Conflict):
    """The enrolment code has expired; ask the clinic for a new one."""

    code = "enrolment_code_expired"


class EnrolmentCodeLocked(Conflict):
    """The enrolment code was tried too often; ask the clinic for a new one.

    A conflict rather than a rate limit: waiting does not bring the code back.
    """

    code = "enrolment_code_locked"


class DeviceIdTaken(Conflict):
    """This device id belongs to somebody else; choose another."""

    code = "device_id_taken"

    def __init__(self) -> None:
        message = "Choose a new id for this device."
        super().__init__(message, errors=[FieldError("/device/id", message)])


class TooManyDevices(Conflict):
    """The patient has as many devices as the service allows; remove one first."""

    code = "too_many_devices"

    def __init__(self, limit: int) -> None:
        super().__init__(f"A patient may have {limit} devices.")
        self.limit = limit


class Invalid(RecoveryError):
    """The request is well-formed but says something that cannot be."""

    code = "invalid"


class InvalidField(Invalid):
    """One field says something that cannot be; the pointer names it."""

    code = "invalid_field"

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message, errors=[FieldError(pointer, message)])
        self.pointer = pointer
        self.message = message


class InvalidCursor(Invalid):
    """The cursor is not one that this list gave out; begin again without it."""

    code = "invalid_cursor"

    def __init__(self) -> None:
        super().__init__(errors=[FieldError("?cursor", "Not a cursor of this list.")])


class SurgeryDateNeeded(Invalid):
    """The plan counts from surgery, and the episode has no surgery date.

    Invalid rather than a conflict: a field of the request can repair it.
    """

    code = "surgery_date_needed"

    def __init__(self) -> None:
        message = "Give the episode a surgery date, or accept the assumed one."
        super().__init__(message, errors=[FieldError("/surgery_date_assumed", message)])


class EnrolmentCodeInvalid(Invalid):
    """The enrolment code and the date of birth do not belong together.

    It does not say which of the two is wrong: that would help who guesses.
    """

    code = "enrolment_code_invalid"

    def __init__(self) -> None:
        message = "Check the code and the date of birth."
        super().__init__(
            message,
            errors=[FieldError("/code", message), FieldError("/date_of_birth", message)],
        )


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


class TooLarge(RecoveryError):
    """The body is larger than the service accepts."""

    code = "too_large"


class Malformed(RecoveryError):
    """The request cannot be read."""

    code = "malformed"


class MalformedJson(Malformed):
    """The body is not the JSON of RFC 8259 in UTF-8."""

    code = "malformed_json"


class UnsupportedMediaType(RecoveryError):
    """The body has no content type, or one that is not understood here."""

    code = "unsupported_media_type"


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


def every_error() -> tuple[type[RecoveryError], ...]:
    """Return every class of the tree, parents before children."""
    return tuple(_walk(RecoveryError))


def _walk(error: type[RecoveryError]) -> Iterator[type[RecoveryError]]:
    yield error
    for child in error.__subclasses__():
        yield from _walk(child)
