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
    │   ├── MessagesClosed           messages_closed
    │   ├── AlertResolved            alert_resolved
    │   ├── AlertUnresolved          alert_unresolved
    │   ├── AlertSuperseded          alert_superseded
    │   ├── AppointmentSettled       appointment_settled
    │   ├── PlanEnded                plan_ended
    │   ├── DraftMissing             draft_missing
    │   ├── DraftExists              draft_exists
    │   ├── NothingToPublish         nothing_to_publish
    │   ├── NothingToReopen          nothing_to_reopen
    │   ├── PhaseNotDecidable        phase_not_decidable
    │   ├── OccurrenceTooOld         occurrence_too_old
    │   ├── EnrolmentCodeUsed        enrolment_code_used
    │   ├── EnrolmentCodeExpired     enrolment_code_expired
    │   ├── DeviceIdTaken            device_id_taken
    │   ├── TooManyDevices           too_many_devices
    │   ├── TooManyWebhooks          too_many_webhooks
    │   ├── WebhookDisabled          webhook_disabled
    │   ├── EnrolmentCodeLocked      enrolment_code_locked
    │   ├── NotASandbox              not_a_sandbox
    │   ├── SandboxBusy              sandbox_busy
    │   ├── ContentNotApproved       content_not_approved
    │   │   └── PlanNotApproved      plan_not_approved
    │   ├── PhaseFactsChanged        phase_facts_changed
    │   ├── ContentChanged           content_changed
    │   ├── ApprovalWithdrawn        approval_withdrawn
    │   └── StillRunning             still_running
    ├── Invalid                      invalid
    │   ├── InvalidField             invalid_field
    │   ├── InvalidCursor            invalid_cursor
    │   ├── SurgeryDateNeeded        surgery_date_needed
    │   ├── BackTestTooLarge         back_test_too_large
    │   ├── IdempotencyKeyReused     idempotency_key_reused
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
    │   ├── MalformedJson            malformed_json
    │   ├── MalformedHeader          malformed_header
    │   └── IdempotencyKeyMissing    idempotency_key_missing
    ├── UnsupportedMediaType         unsupported_media_type
    ├── MethodNotAllowed             method_not_allowed
    └── Unavailable                  unavailable

Every class has a stable ``code`` and keeps its facts as attributes; which HTTP
status a family gets is decided at the edge, in ``http_errors``. The first line
of a docstring is the meaning that clients and the API reference show. Texts
given to an error reach clients: they name fields and reasons, never values.
"""

from collections.abc import Iterator

from recovery_service.errors.access import (
    AccessEnded,
    Forbidden,
    NotAllowed,
    SecondFactorNeeded,
    SessionExpired,
    SignInFailed,
    TooManyRequests,
    Unauthenticated,
)
from recovery_service.errors.approvals import (
    ApprovalWithdrawn,
    ContentChanged,
    ContentNotApproved,
    PlanNotApproved,
)
from recovery_service.errors.base import (
    FieldError,
    RecoveryError,
)
from recovery_service.errors.conflicts import (
    AlertResolved,
    AlertSuperseded,
    AlertUnresolved,
    AppointmentSettled,
    ClientIdReused,
    Conflict,
    DeviceIdTaken,
    DraftExists,
    DraftMissing,
    EmailTaken,
    EnrolmentCodeExpired,
    EnrolmentCodeLocked,
    EnrolmentCodeUsed,
    EpisodeAlreadyOpen,
    EpisodeEnded,
    EpisodeNotOnHold,
    EpisodeOnHold,
    ExternalIdKnown,
    LastAdmin,
    MessagesClosed,
    NotASandbox,
    NothingToPublish,
    NothingToReopen,
    OccurrenceTooOld,
    PhaseFactsChanged,
    PhaseNotDecidable,
    PlanEnded,
    SandboxBusy,
    StillRunning,
    TooManyDevices,
)
from recovery_service.errors.invalid import (
    BackTestTooLarge,
    EnrolmentCodeInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    Invalid,
    InvalidCursor,
    InvalidField,
    Malformed,
    MalformedHeader,
    MalformedJson,
    SurgeryDateNeeded,
    TooLarge,
    UnsupportedMediaType,
)
from recovery_service.errors.requests import (
    MethodNotAllowed,
    NoSuchObject,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    RevisionMissing,
    RevisionStale,
    Unavailable,
)
from recovery_service.errors.webhooks import TooManyWebhooks, WebhookDisabled

__all__ = [
    "AccessEnded",
    "AlertResolved",
    "AlertSuperseded",
    "AlertUnresolved",
    "AppointmentSettled",
    "ApprovalWithdrawn",
    "BackTestTooLarge",
    "ClientIdReused",
    "Conflict",
    "ContentChanged",
    "ContentNotApproved",
    "DeviceIdTaken",
    "DraftExists",
    "DraftMissing",
    "EmailTaken",
    "EnrolmentCodeExpired",
    "EnrolmentCodeInvalid",
    "EnrolmentCodeLocked",
    "EnrolmentCodeUsed",
    "EpisodeAlreadyOpen",
    "EpisodeEnded",
    "EpisodeNotOnHold",
    "EpisodeOnHold",
    "ExternalIdKnown",
    "FieldError",
    "Forbidden",
    "IdempotencyKeyMissing",
    "IdempotencyKeyReused",
    "Invalid",
    "InvalidCursor",
    "InvalidField",
    "LastAdmin",
    "Malformed",
    "MalformedHeader",
    "MalformedJson",
    "MessagesClosed",
    "MethodNotAllowed",
    "NoSuchObject",
    "NotASandbox",
    "NotAllowed",
    "NotFound",
    "NothingToPublish",
    "NothingToReopen",
    "OccurrenceTooOld",
    "PhaseFactsChanged",
    "PhaseNotDecidable",
    "PlanEnded",
    "PlanNotApproved",
    "PreconditionFailed",
    "PreconditionRequired",
    "RecoveryError",
    "RevisionMissing",
    "RevisionStale",
    "SandboxBusy",
    "SecondFactorNeeded",
    "SessionExpired",
    "SignInFailed",
    "StillRunning",
    "SurgeryDateNeeded",
    "TooLarge",
    "TooManyDevices",
    "TooManyRequests",
    "TooManyWebhooks",
    "Unauthenticated",
    "Unavailable",
    "UnsupportedMediaType",
    "WebhookDisabled",
    "every_error",
]


def every_error() -> tuple[type[RecoveryError], ...]:
    """Return every class of the tree, parents before children."""
    return tuple(_walk(RecoveryError))


def _walk(error: type[RecoveryError]) -> Iterator[type[RecoveryError]]:
    yield error
    for child in error.__subclasses__():
        yield from _walk(child)
