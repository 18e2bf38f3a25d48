"""The tables, typed. Imports everything, so that the metadata is complete."""

from recovery_service.models.alert_figures import AlertBudgetDay, VerdictDifference
from recovery_service.models.alerts import Advice, AdviceResponse, Alert, AlertEvent
from recovery_service.models.appointments import Appointment, AppointmentResponse
from recovery_service.models.audit import AuditEvent
from recovery_service.models.base import Base
from recovery_service.models.calendar_feeds import CalendarFeed
from recovery_service.models.check_ins import CheckIn
from recovery_service.models.clinics import Clinic
from recovery_service.models.consents import Consent
from recovery_service.models.content_approvals import ContentApproval
from recovery_service.models.deliveries import Delivery, ReminderDay
from recovery_service.models.devices import Destination, Device, EnrolmentCode
from recovery_service.models.episodes import Episode
from recovery_service.models.idempotency import AnsweredRequest
from recovery_service.models.infrastructure import AttemptBucket, DirectoryEntry, WorkerHeartbeat
from recovery_service.models.messages import Message, MessageThread, MessageWithdrawal
from recovery_service.models.notices import MessageNotice, PatientNotice, StaffNotice
from recovery_service.models.occurrences import Occurrence, OccurrenceAction
from recovery_service.models.patients import Patient, PatientExternalId
from recovery_service.models.plans import (
    PhaseDecision,
    PlanItem,
    PlanRestriction,
    PlanRevision,
    PlanTemplate,
    PlanTemplateBase,
    PlanTemplateVersion,
    RecoveryPlan,
)
from recovery_service.models.questionnaires import (
    Questionnaire,
    QuestionnaireResponse,
    QuestionnaireTime,
)
from recovery_service.models.schedules import Schedule, ScheduleRule
from recovery_service.models.sites import Site, SiteHoliday
from recovery_service.models.staff import CareTeamMember, StaffAbsence, StaffDevice, StaffMember
from recovery_service.models.sync import RejectedReport, SyncOperation, Tombstone
from recovery_service.models.tokens import AccessToken, RefreshToken, StaffSession, TokenFamily
from recovery_service.models.webhooks import WebhookDelivery, WebhookEndpoint

__all__ = [
    "AccessToken",
    "Advice",
    "AdviceResponse",
    "Alert",
    "AlertBudgetDay",
    "AlertEvent",
    "AnsweredRequest",
    "Appointment",
    "AppointmentResponse",
    "AttemptBucket",
    "AuditEvent",
    "Base",
    "CalendarFeed",
    "CareTeamMember",
    "CheckIn",
    "Clinic",
    "Consent",
    "ContentApproval",
    "Delivery",
    "Destination",
    "Device",
    "DirectoryEntry",
    "EnrolmentCode",
    "Episode",
    "Message",
    "MessageNotice",
    "MessageThread",
    "MessageWithdrawal",
    "Occurrence",
    "OccurrenceAction",
    "Patient",
    "PatientExternalId",
    "PatientNotice",
    "PhaseDecision",
    "PlanItem",
    "PlanRestriction",
    "PlanRevision",
    "PlanTemplate",
    "PlanTemplateBase",
    "PlanTemplateVersion",
    "Questionnaire",
    "QuestionnaireResponse",
    "QuestionnaireTime",
    "RecoveryPlan",
    "RefreshToken",
    "RejectedReport",
    "ReminderDay",
    "Schedule",
    "ScheduleRule",
    "Site",
    "SiteHoliday",
    "StaffAbsence",
    "StaffDevice",
    "StaffMember",
    "StaffNotice",
    "StaffSession",
    "SyncOperation",
    "TokenFamily",
    "Tombstone",
    "VerdictDifference",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WorkerHeartbeat",
]
