"""The request cannot be read, or says something that cannot be."""

from recovery_service.errors.base import FieldError, RecoveryError


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


class BackTestTooLarge(Invalid):
    """The past that rules were to be put to is longer than one request may look at."""

    code = "back_test_too_large"

    def __init__(self, patient_days: int, most: int) -> None:
        message = f"{patient_days} patient-days, and at most {most}: ask for fewer days."
        super().__init__(message, errors=[FieldError("/days", message)])
        self.patient_days = patient_days
        self.most = most


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


class IdempotencyKeyReused(Invalid):
    """This Idempotency-Key was already used for another request; choose a new one."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            errors=[FieldError("Idempotency-Key", "Used before, for another request.")]
        )


class Malformed(RecoveryError):
    """The request cannot be read."""

    code = "malformed"


class MalformedJson(Malformed):
    """The body is not the JSON of RFC 8259 in UTF-8."""

    code = "malformed_json"


class MalformedHeader(Malformed):
    """A header is not written as its specification says; the error names it."""

    code = "malformed_header"

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}", errors=[FieldError(name, message)])
        self.name = name


class IdempotencyKeyMissing(Malformed):
    """Send an Idempotency-Key, new for each request and the same for its repeats."""

    code = "idempotency_key_missing"

    def __init__(self) -> None:
        message = 'Send the header Idempotency-Key: "<a new UUID>".'
        super().__init__(message, errors=[FieldError("Idempotency-Key", message)])


class TooLarge(RecoveryError):
    """The body is larger than the service accepts."""

    code = "too_large"


class UnsupportedMediaType(RecoveryError):
    """The body has no content type, or one that is not understood here."""

    code = "unsupported_media_type"
