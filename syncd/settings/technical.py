"""The sections about machines: databases, documents, jobs, patience, brakes, operation, logs."""

import base64
import binascii
import re
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from syncd.settings.section import Count, Day, Folder, Line, Positive, Seconds, Section, check_database_url

LEDGER_SCHEMES = frozenset({"sqlite", "postgresql"})
STORE_SCHEMES = LEDGER_SCHEMES | {"mysql", "mariadb"}
KEY_BYTES = 32


class Database(Section):
    """syncd's own ledger."""

    url: SecretStr | None = None
    """Where the ledger is: sqlite:///… or postgresql://…; several replicas share one PostgreSQL.
    Empty: sqlite:///<state_directory>/syncd.sqlite3."""
    pooler: bool = False
    """Set it when a pooler in transaction mode (PgBouncer) stands between: session locks mean nothing then, and what a
    dead replica held is free after its lease, or after 15 s of silence, instead of about a second."""

    @field_validator("url")
    @classmethod
    def _is_supported(cls, url: SecretStr | None) -> SecretStr | None:
        return check_database_url(url, LEDGER_SCHEMES) if url is not None else None


class Columns(Section):
    """How the store calls each column, on the right; change only those that have another name there."""

    mission_id: Line = "mission_id"
    updated_at: Line = "updated_at"
    status: Line = "status"
    validated_at: Line = "validated_at"
    validated_by: Line = "validated_by"
    submitted_at: Line = "submitted_at"
    track: Line = "track"
    academic_year: Line = "academic_year"
    programme: Line = "programme"
    level: Line = "level"
    campus: Line = "campus"
    admission_confirmed: Line = "admission_confirmed"
    training_starts_on: Line = "training_starts_on"
    training_ends_on: Line = "training_ends_on"
    student_number: Line = "student_number"
    student_last_name: Line = "student_last_name"
    student_first_name: Line = "student_first_name"
    student_email: Line = "student_email"
    company_siret: Line = "company_siret"
    company_name: Line = "company_name"
    hr_contact_name: Line = "hr_contact_name"
    hr_contact_email: Line = "hr_contact_email"
    mentor_name: Line = "mentor_name"
    mentor_email: Line = "mentor_email"
    mission_title: Line = "mission_title"
    mission_description: Line = "mission_description"
    contract_starts_on: Line = "contract_starts_on"
    contract_ends_on: Line = "contract_ends_on"


class Missions(Section):
    """The FVMA application's database of validated missions, only ever read."""

    url: SecretStr | None = None
    """Where it is: postgresql://…, sqlite:///…, mysql://… or mariadb://…; a user with SELECT only is enough.
    `syncd run` needs it."""
    relation: Line = "validated_missions"
    """The table or view that is read."""
    since: Day | None = None
    """Missions validated before this day (2025-09-01) are known and left alone: for a start in mid-season.
    Empty: every mission is worked on."""
    overlap_s: Annotated[float, Field(ge=0, le=86_400)] = 120
    """Seconds that the reading stays behind the store's present, so that a row committed late is not missed."""
    query_timeout_s: Seconds = 30
    """Seconds after which a query is given up."""
    gone_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """A full sweep stops, alerts and changes nothing when more than this share of the missions is gone (0.2 = 20 %)."""
    gone_minimum: Count = 5
    """Up to so many missions gone never stop a sweep, unless the store is empty: a share of very few means nothing."""
    columns: Columns = Columns()

    @field_validator("url")
    @classmethod
    def _is_supported(cls, url: SecretStr | None) -> SecretStr | None:
        return check_database_url(url, STORE_SCHEMES) if url is not None else None


class Retry(Section):
    """How long syncd waits before it tries, looks or asks again."""

    first_delay_s: Seconds = 5
    """Seconds before the second attempt; each further one waits longer, at random around the double."""
    longest_delay_s: Seconds = 3600
    """Seconds that no such delay exceeds. Attempts never run out."""
    reread_after_h: Annotated[float, Field(gt=0, le=8760)] = 24
    """Hours after which a contract that awaits somebody is read again, whatever the change feed says."""
    poll_first_s: Seconds = 60
    """Without a change feed, each contract is asked for after so many seconds at first, then more and more rarely …"""
    poll_longest_s: Seconds = 21_600
    """… down to once in so many seconds."""
    generation_slow_after_days: Annotated[float, Field(gt=0, le=365)] = 7
    """Days that a contract may be complete before its missing documents are alerted."""
    document_tries: Positive = 3
    """A document that arrives broken so many times in a row holds its contract."""


class Guard(Section):
    """Brakes: more than this within an hour stops before the next one and waits for `syncd guard approve`."""

    max_new_contracts: Count = 200
    """New contracts in CACTUS within a sliding hour; 0 switches the brake off."""
    max_mails_per_hour: Count = 1000
    """Mails within a sliding hour; 0 switches the brake off."""


class Documents(Section):
    """The encrypted folder of Cerfas and conventions."""

    folder: Folder | None = None
    """Where the encrypted files are; replicas share it. Empty: <state_directory>/documents."""
    key: SecretStr | None = None
    """The encryption key: 32 random bytes in standard base64 (openssl rand -base64 32). Keep a copy elsewhere:
    without it the documents are lost."""
    retention_days: Positive = 90
    """Days after the training's end when the documents are purged; the audit trail stays."""

    @field_validator("key")
    @classmethod
    def _is_a_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(_decoded(key)) != KEY_BYTES:
            raise ValueError("should be 32 bytes in standard base64, as `openssl rand -base64 32` prints them")
        return key

    def key_bytes(self) -> bytes | None:
        """Return the 32 bytes of the key, `None` when it is not set."""
        return _decoded(self.key) if self.key is not None else None


def _decoded(key: SecretStr) -> bytes:
    try:
        return base64.b64decode(key.get_secret_value(), validate=True)
    except (binascii.Error, ValueError):
        return b""


class Ops(Section):
    """The web pages for operation: /livez, /readyz, /metrics and the status page."""

    bind: str = "127.0.0.1:8800"
    """Address and port to listen on; [::1]:8800 for IPv6, 0.0.0.0:8800 for everywhere, port 0 for any free one."""
    token: SecretStr | None = None
    """When set, the status page and the metrics ask for it (Authorization: Bearer …)."""

    @field_validator("bind")
    @classmethod
    def _is_an_address(cls, bind: str) -> str:
        found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", bind, re.ASCII)
        if found is None or int(found[2]) > 65_535:
            raise ValueError("should be an address and a port, as 127.0.0.1:8800")
        return bind

    @property
    def host(self) -> str:
        """The address to listen on, without brackets."""
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on."""
        return int(self.bind.rpartition(":")[2])


class Jobs(Section):
    """The daemon's loops."""

    poll_interval_s: Seconds = 20
    """Seconds between two questions to the mission store, and to CACTUS's change feed."""
    lease_s: Seconds = 60
    """Seconds that a claimed contract belongs to one replica; at the latest then, a dead one's claims are free."""
    sweep_interval_h: Annotated[float, Field(gt=0, le=8760)] = 24
    """Hours between two full sweeps of the mission store; they find what no cursor can (deleted rows)."""


class Logs(Section):
    """What is written on standard output."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important line that is written."""
    format: Literal["auto", "json", "console"] = "auto"
    """`json`: one document a line; `console`: for eyes; `auto`: console on a terminal, else json."""
