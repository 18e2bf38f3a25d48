"""Patients on the wire, as staff see them."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from recovery_service.api.schemas.base import (
    LocalDate,
    RequestSchema,
    ResponseSchema,
    Text,
    TrueOrFalse,
)
from recovery_service.api.schemas.content_approvals import CodeWithheldSchema
from recovery_service.api.schemas.episodes import EpisodeSchema, NewEpisodeRequest
from recovery_service.domain.languages import LANGUAGES
from recovery_service.domain.local_time import is_zone
from recovery_service.reminders.channels.email import BadMailbox, check_mailbox
from recovery_service.services.addresses import NewAddress
from recovery_service.services.patients import NewPatient

CONTACT_MODES = ("app", "phone", "none")
MAX_EXTERNAL_IDS = 20
MAX_CARE_TEAM = 20
MAX_ADDRESSES = 10
PHONE = r"^\+[1-9]\d{6,14}$"


def _zone(name: str) -> None:
    if not is_zone(name):
        raise ValidationError("Not an IANA time zone.")


def _mailbox(address: str) -> None:
    try:
        check_mailbox(address)
    except BadMailbox as refusal:
        raise ValidationError(str(refusal)) from None


class ExternalIdSchema(RequestSchema):
    """A patient's number in another system."""

    system = Text(200, required=True, metadata={"example": "urn:hospital:mrn"})
    value = Text(200, required=True)


class PatientChanges(RequestSchema):
    """What can be changed of a patient; what is absent stays."""

    name = Text(200)
    date_of_birth = LocalDate()
    external_ids = fields.List(
        fields.Nested(ExternalIdSchema), validate=validate.Length(max=MAX_EXTERNAL_IDS)
    )
    time_zone = fields.String(validate=_zone, metadata={"example": "Europe/London"})
    locale = fields.String(validate=validate.OneOf(LANGUAGES))
    contact_mode = fields.String(validate=validate.OneOf(CONTACT_MODES))

    @post_load
    def pair_ids(self, loaded: dict[str, Any], **_: object) -> Any:
        """Turn external ids into pairs, as the service takes them."""
        if "external_ids" in loaded:
            loaded["external_ids"] = [
                (each["system"], each["value"]) for each in loaded["external_ids"]
            ]
        return loaded


class NewPatientRequest(PatientChanges):
    """A patient, with the episode that brings them here."""

    name = Text(200, required=True)
    date_of_birth = LocalDate(required=True)
    time_zone = fields.String(required=True, validate=_zone, metadata={"example": "Europe/London"})
    locale = fields.String(required=True, validate=validate.OneOf(LANGUAGES))
    phone = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.Regexp(PHONE, error="Not a phone number of the form +441234567890."),
    )
    email = fields.String(load_default=None, allow_none=True, validate=_mailbox)
    care_team = fields.List(fields.UUID(), validate=validate.Length(max=MAX_CARE_TEAM))
    episode = fields.Nested(NewEpisodeRequest, required=True)

    @post_load
    def pair_ids(self, loaded: dict[str, Any], **kwargs: object) -> NewPatient:
        """Return the patient as the service takes it."""
        return NewPatient(**super().pair_ids(loaded, **kwargs))


class AddressRequest(RequestSchema):
    """An address; `verified` says that it was tried and belongs to the patient."""

    channel = fields.String(required=True, validate=validate.OneOf(["email", "sms"]))
    value = Text(254, required=True)
    verified = TrueOrFalse(load_default=False)
    opted_out = TrueOrFalse(load_default=False)

    @post_load
    def to_domain(self, loaded: dict[str, Any], **_: object) -> NewAddress:
        """Return the address as the service takes it."""
        if loaded["channel"] == "email":
            try:
                check_mailbox(loaded["value"])
            except BadMailbox as refusal:
                raise ValidationError(str(refusal), "value") from None
        else:
            validate.Regexp(PHONE, error="Not a phone number of the form +441234567890.")(
                loaded["value"]
            )
        return NewAddress(**loaded)


class AddressesRequest(RequestSchema):
    """All addresses of a patient; what is not here is retired."""

    addresses = fields.List(
        fields.Nested(AddressRequest), required=True, validate=validate.Length(max=MAX_ADDRESSES)
    )


class AddressSchema(ResponseSchema):
    """An address in use."""

    channel = fields.String(required=True)
    value = fields.String(attribute="address", required=True)
    verified_at = fields.AwareDateTime(allow_none=True)
    opted_out_at = fields.AwareDateTime(allow_none=True)


class AddressList(ResponseSchema):
    """The addresses in use."""

    addresses = fields.List(fields.Nested(AddressSchema), required=True)


class CareTeamRequest(RequestSchema):
    """Who follows the patient from today on; the first leads."""

    staff = fields.List(fields.UUID(), required=True, validate=validate.Length(max=MAX_CARE_TEAM))


class CareTeamMemberSchema(ResponseSchema):
    """One person who follows the patient."""

    staff_id = fields.UUID(required=True)
    lead = fields.Boolean(required=True)
    from_date = fields.Date(required=True)


class CareTeamSchema(ResponseSchema):
    """Who follows the patient now, the lead first."""

    members = fields.List(fields.Nested(CareTeamMemberSchema), required=True)


class PatientSchema(ResponseSchema):
    """A patient, with the team, the addresses and the current episode."""

    id = fields.UUID(attribute="patient.id", required=True)
    name = fields.String(attribute="patient.name", required=True)
    date_of_birth = fields.Date(attribute="patient.date_of_birth", required=True)
    time_zone = fields.String(attribute="patient.time_zone", required=True)
    locale = fields.String(attribute="patient.locale", required=True)
    contact_mode = fields.String(attribute="patient.contact_mode", required=True)
    preferences = fields.Dict(attribute="patient.preferences")
    external_ids = fields.List(fields.Nested(ExternalIdSchema))
    addresses = fields.List(fields.Nested(AddressSchema))
    care_team = fields.List(fields.Nested(CareTeamMemberSchema))
    episode = fields.Nested(EpisodeSchema, allow_none=True)
    version = fields.Integer(attribute="patient.version", required=True)
    created_at = fields.AwareDateTime(attribute="patient.created_at", required=True)
    updated_at = fields.AwareDateTime(attribute="patient.updated_at", required=True)


class RegisteredSchema(ResponseSchema):
    """A patient just registered; the code is shown this once."""

    patient = fields.Nested(PatientSchema, required=True)
    enrolment_code = fields.String(
        allow_none=True,
        required=True,
        metadata={
            "description": "Null for a patient who is not reached through the app, and while it"
            " is withheld"
        },
    )
    enrolment_code_withheld = fields.Nested(
        CodeWithheldSchema,
        allow_none=True,
        required=True,
        metadata={"description": "Why there is no code yet, where content is not approved"},
    )


class CodeRequest(RequestSchema):
    """Why a new code: `lost_device` ends all old devices at once."""

    lost_device = TrueOrFalse(load_default=False)


class CodeSchema(ResponseSchema):
    """A code, shown this once."""

    enrolment_code = fields.String(required=True)
