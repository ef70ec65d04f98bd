"""Adapters made from settings: the mission store, CACTUS, the mail server."""

from datetime import timedelta
from pathlib import Path

import structlog

from syncd.adapters.cactus.auth import Authentication, NoAuthentication, api_key, bearer
from syncd.adapters.cactus.http import HttpCactus
from syncd.adapters.cactus.mock import MockCactus
from syncd.adapters.cactus.notices import Notice
from syncd.adapters.cactus.oauth import ClientCredentials
from syncd.adapters.mail.conversation import Security
from syncd.adapters.mail.folder import FolderMailer
from syncd.adapters.mail.smtp import SmtpMailer
from syncd.adapters.missions.sql import SqlMissionStore
from syncd.errors import Misconfigured
from syncd.events import Log
from syncd.ports.cactus import Cactus
from syncd.ports.clock import Clock
from syncd.ports.mail import Mailer
from syncd.ports.missions import MissionStore
from syncd.settings import Settings
from syncd.settings.secrets import Secret
from syncd.wiring.reading import url_of

log: Log = structlog.get_logger()

MAIL_CONNECTIONS = 4


def mission_store(settings: Settings) -> MissionStore:
    """Return the store of validated missions."""
    if settings.missions.url is None:
        raise Misconfigured("the mission store is not set", key="SYNCD_MISSIONS__URL")
    return SqlMissionStore(
        url_of(settings.missions.url),
        relation=settings.missions.relation,
        columns=settings.missions.columns.model_dump(),
        overlap=timedelta(seconds=settings.missions.overlap_s),
        query_timeout=timedelta(seconds=settings.missions.query_timeout_s),
    )


def cactus_adapter(settings: Settings, clock: Clock) -> Cactus:
    """Return the adapter to CACTUS that the configuration names."""
    remote, capabilities = settings.cactus, settings.policy().capabilities
    if remote.adapter == "mock":
        return MockCactus(clock=clock)
    if remote.adapter is None or remote.base_url is None:
        raise Misconfigured("CACTUS is not set", key="SYNCD_CACTUS__ADAPTER")
    return HttpCactus(
        base_url=str(remote.base_url),
        authentication=_authentication(settings, clock),
        timeout=timedelta(seconds=remote.timeout_s),
        concurrency=remote.concurrency,
        clock=clock,
        capabilities=capabilities,
        paths=remote.paths.model_dump(),
        status_words={word: str(ours) for word, ours in remote.status_words.items()},
        document_cap_bytes=remote.document_cap_bytes,
        ca_file=remote.ca_file,
        notify=_take_note,
    )


def _take_note(notice: Notice, *, count: int = 1) -> None:
    match notice:
        case Notice.CONNECTION_UNTRUSTED:
            log.error("tls.refused", remote="cactus")
        case Notice.ENTRY_SKIPPED:
            log.warning("feed.entry_skipped", count=count)


def _authentication(settings: Settings, clock: Clock) -> Authentication:
    remote = settings.cactus
    match remote.auth:
        case "none":
            return NoAuthentication()
        case "bearer":
            return bearer(_secret(settings, "cactus.token"))
        case "api_key":
            return api_key(_secret(settings, "cactus.token"), header=remote.api_key_header)
        case "client_credentials":
            return ClientCredentials(
                token_url=str(remote.token_url),
                client_id=remote.client_id or "",
                secret=_secret(settings, "cactus.client_secret"),
                clock=clock,
            )


def mailer(settings: Settings) -> Mailer:
    """Return the way out for letters."""
    mail = settings.mail
    if mail.adapter == "folder":
        return FolderMailer(Path(mail.folder or settings.state_directory / "mail"))
    password = settings.secret("mail.password")
    return SmtpMailer(
        host=mail.host or "",
        port=mail.smtp_port,
        security=Security(mail.security),
        username=mail.username,
        password=password() if password is not None else "",
        connections=MAIL_CONNECTIONS,
        final_reply_timeout_s=mail.final_reply_timeout_s,
    )


def _secret(settings: Settings, name: str) -> Secret:
    secret = settings.secret(name)
    if secret is None:
        raise Misconfigured("this secret is not set", key=name)
    return secret
