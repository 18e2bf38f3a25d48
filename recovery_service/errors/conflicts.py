"""The request contradicts what is stored."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from recovery_service.errors.base import FieldError, RecoveryError


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


class NotASandbox(Conflict):
    """The time of this clinic is the real one, and cannot be moved."""

    code = "not_a_sandbox"

    def __init__(self) -> None:
        super().__init__("The clinic is no sandbox, or the installation allows none.")


class SandboxBusy(Conflict):
    """Somebody is moving this sandbox's time on at the moment; ask again when that is done."""

    code = "sandbox_busy"

    def __init__(self) -> None:
        super().__init__("The clock of this sandbox is being moved.")


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


class MessagesClosed(Conflict):
    """Nobody reads messages of this episode any more; what was written before can be read.

    ``stored`` is what stands in place of an answer: whom to call, as `{advice, monitoring}`.
    """

    code = "messages_closed"

    def __init__(self, detail: str, stored: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.stored = stored


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


class AlertResolved(Conflict):
    """The alert is resolved; reopen it first."""

    code = "alert_resolved"


class AlertUnresolved(Conflict):
    """Only an alert that was resolved can be reopened."""

    code = "alert_unresolved"


class AlertSuperseded(Conflict):
    """Its rule was raised again since; that alert is the one to look at."""

    code = "alert_superseded"

    def __init__(self, alert_id: UUID | str) -> None:
        super().__init__("A newer alert of this rule is not resolved.")
        self.alert_id = alert_id


class AppointmentSettled(Conflict):
    """The appointment's state does not allow this change.

    ``state`` is the one that stands, ``wanted`` the one that was asked for.
    """

    code = "appointment_settled"

    def __init__(self, state: str, wanted: str, pointer: str = "/state") -> None:
        message = f"It is {state} and cannot become {wanted}."
        super().__init__(message, errors=[FieldError(pointer, message)])
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


class PhaseNotDecidable(Conflict):
    """There is nothing to decide on this phase: it waits for no clinician, or not yet."""

    code = "phase_not_decidable"

    def __init__(self, phase: str) -> None:
        message = "Only the phase that is proposed now, or the last accepted one, can be decided."
        super().__init__(message, errors=[FieldError("/phase", message)])
        self.phase = phase


class PhaseFactsChanged(Conflict):
    """What speaks for this phase has changed since it was read; read it again and decide then."""

    code = "phase_facts_changed"

    def __init__(self, phase: str) -> None:
        message = "These are not the facts and decisions as they stand."
        super().__init__(message, errors=[FieldError("/facts_version", message)])
        self.phase = phase


class StillRunning(Conflict):
    """A request with this Idempotency-Key is still being answered; repeat it soon.

    ``retry_after`` is in whole seconds.
    """

    code = "still_running"

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__(f"Send the same request again in {retry_after} seconds.")
        self.retry_after = retry_after
