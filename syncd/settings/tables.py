"""Every table of the configuration, in the order of the file."""

from pathlib import Path

from pydantic import Field

from syncd.settings.business import Admission, Campaigns, RecipientRow, Reminders
from syncd.settings.mail import Mail
from syncd.settings.remote import Cactus
from syncd.settings.section import Section
from syncd.settings.technical import Database, Documents, Guard, Jobs, Logs, Missions, Ops, Retry


class Tables(Section):
    """What can be configured, and what it is when nobody says anything."""

    state_directory: Path = Path("var")
    """Where syncd keeps its files unless a setting below says otherwise.
    Empty: systemd's STATE_DIRECTORY, else ./var."""
    database: Database = Database()
    missions: Missions = Missions()
    cactus: Cactus = Cactus()
    retry: Retry = Retry()
    guard: Guard = Guard()
    mail: Mail = Mail()
    documents: Documents = Documents()
    ops: Ops = Ops()
    jobs: Jobs = Jobs()
    logs: Logs = Logs()
    campaigns: Campaigns = Field(default_factory=lambda: Campaigns.model_validate({}))
    admission: Admission = Admission()
    reminders: Reminders = Reminders()
    recipients: tuple[RecipientRow, ...] = ()
    """Who gets which letter. An event that has a row here follows this table alone, first fitting row first;
    the other events keep their default."""
