"""The sections about mail: how it leaves, to which offices, and what the letters say of the department."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from syncd.settings.section import Count, Folder, Line, MailAddress, Mailbox, Seconds, Section

USUAL_PORTS = {"none": 25, "starttls": 587, "tls": 465}


class Addresses(Section):
    """The offices' mail addresses. A letter to an office without one waits and is listed under "needs a person"."""

    supervisor: MailAddress | None = None
    """The work-study supervisor (responsable de l'alternance): daily digest and alerts."""
    secretariat_aix: MailAddress | None = None
    """The MIAGE secretariat in Aix: whom to register there."""
    secretariat_marseille: MailAddress | None = None
    """The MIAGE secretariat in Marseille."""
    continuing_education: MailAddress | None = None
    """The continuing-education office (FEG, Colbert): professionalisation contracts."""

    def secretariats(self) -> dict[str, str]:
        """Return the address of each campus's secretariat that has one."""
        known = {"aix": self.secretariat_aix, "marseille": self.secretariat_marseille}
        return {campus: address for campus, address in known.items() if address is not None}


class Letters(Section):
    """What the letters say of the department, in French."""

    department: Line = "MIAGE d'Aix-Marseille"
    """The name that the letters speak for."""
    signature: str = "Le pôle alternance de la MIAGE d'Aix-Marseille"
    """The last lines of every letter."""
    contact: Line | None = None
    """Whom to ask: an address or a telephone number. Empty: the supervisor's mail address."""
    papers: tuple[Line, ...] = (
        "une pièce d'identité",
        "le contrat signé, ou la preuve de son dépôt",
        "l'attestation de sécurité sociale",
        "l'attestation d'assurance responsabilité civile",
    )
    """What a student brings to the registration."""
    place_aix: Line = "campus d'Aix-en-Provence"
    """Where apprentices of the campus of Aix register."""
    place_marseille: Line = "campus de Marseille"
    """Where apprentices of the campus of Marseille register."""
    place_continuing_education: Line = "FEG, site Colbert, Marseille"
    """Where professionalisation students register."""
    opening_hours: Line | None = None
    """When the offices receive. Empty: the letters say to ask the office."""


class Mail(Section):
    """How letters leave."""

    adapter: Literal["smtp", "folder"] | None = None
    """`smtp` for a mail server, `folder` for files (one .eml each) in trials. There is no default.
    `syncd run` needs it."""
    host: Line | None = None
    """The mail server. The adapter `smtp` needs it."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    """Its port; 0: the usual one (25 for none, 587 for starttls, 465 for tls)."""
    security: Literal["none", "starttls", "tls"] = "starttls"
    """`starttls` or `tls`, with the certificate checked; `none` only for a relay on this machine."""
    username: Line | None = None
    """The login, when the server asks for one."""
    password: SecretStr | None = None
    """Its password."""
    sender: Mailbox = "syncd@localhost"
    """Who the letters come from, as "MIAGE alternance <alternance@example.org>"."""
    reply_to: Mailbox | None = None
    """Where answers go. Empty: to the sender."""
    folder: Folder | None = None
    """Where the adapter `folder` writes. Empty: <state_directory>/mail."""
    redirect_all_to: MailAddress | None = None
    """For test sites: every letter goes to this one address, the real recipient is named in the subject."""

    final_reply_timeout_s: Seconds = 600
    """Seconds to wait for the server's last word on a letter (RFC 5321): shorter means more letters sent twice."""
    greylist_delay_s: Seconds = 300
    """Seconds before a letter refused "for now" is tried again; never more than retry.longest_delay_s."""
    unknown_resend_s: Seconds = 1800
    """Seconds before a letter whose acceptance is unknown is sent once more; never more than retry.longest_delay_s."""
    mails_per_minute: Count = 600
    """Letters that leave within a minute, by each replica; after a rest as many may leave at once. 0: no limit."""
    expire_days: Annotated[float, Field(gt=0, le=365)] = 5
    """Days after which a letter that no server takes is given up and listed under "needs a person"."""

    addresses: Addresses = Addresses()
    letters: Letters = Letters()

    @property
    def smtp_port(self) -> int:
        """The port to connect to."""
        return self.port or USUAL_PORTS[self.security]
