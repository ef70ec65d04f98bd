"""The nouns: plain, frozen data. Nothing here knows a file, a socket or a clock."""

from syncd.model.facts import Asked, Facts, HoldReason, Notification, StoredDocument, Warned
from syncd.model.mission import NEVER_SENT, SENT_FIELDS, Mission, changed_fields
from syncd.model.policy import (
    DEFAULT_RECIPIENTS,
    Campaign,
    CampaignPattern,
    Campaigns,
    Capabilities,
    Patience,
    Policy,
    RecipientRule,
    ReminderPolicy,
)
from syncd.model.remote import Part, RemoteContract, RemoteDocument
from syncd.model.words import (
    FILLING,
    GENERATED,
    ContractId,
    DocumentKind,
    Event,
    HoldCode,
    MissionId,
    Moment,
    NotificationState,
    PartState,
    RemoteStatus,
    Role,
    Step,
    Track,
    WarningCode,
)

__all__ = [
    "DEFAULT_RECIPIENTS", "FILLING", "GENERATED", "NEVER_SENT", "SENT_FIELDS", "Asked", "Campaign",
    "CampaignPattern", "Campaigns", "Capabilities", "ContractId", "DocumentKind", "Event", "Facts", "HoldCode",
    "HoldReason", "Mission", "MissionId", "Moment", "Notification", "NotificationState", "Part", "PartState",
    "Patience", "Policy", "RecipientRule", "ReminderPolicy", "RemoteContract", "RemoteDocument", "RemoteStatus",
    "Role", "Step", "StoredDocument", "Track", "Warned", "WarningCode", "changed_fields",
]  # fmt: skip
