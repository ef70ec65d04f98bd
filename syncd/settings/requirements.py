"""What `syncd run` needs beyond what reading commands need."""

from collections.abc import Iterator
from ipaddress import ip_address

from syncd.settings.keys import KeyPath, all_settings, environment_name, file_name
from syncd.settings.mail import Mail
from syncd.settings.problems import Problem
from syncd.settings.remote import Cactus
from syncd.settings.tables import Tables
from syncd.settings.technical import Missions

_LOCALHOST_SENDER = "@localhost"

_SECRETS_OF: dict[str, tuple[str, ...]] = {
    "none": (),
    "bearer": ("token",),
    "api_key": ("token",),
    "client_credentials": ("token_url", "client_id", "client_secret"),
}


def missing_for_run(settings: Tables) -> list[Problem]:
    """Return every setting without a default that is missing, and what it is for."""
    return [*_of_missions(settings.missions), *_of_cactus(settings.cactus), *_of_mail(settings.mail)]


def _missing(*path: str, reason: str) -> Problem:
    here: KeyPath = path
    assert here in all_settings(), here  # noqa: S101  # a misspelt requirement is ours, and every test finds it
    return Problem(key=environment_name(here), message=f"is not set (in the file: {file_name(here)}): {reason}")


def _of_missions(missions: Missions) -> Iterator[Problem]:
    if missions.url is None:
        yield _missing("missions", "url", reason="where the validated missions are, as postgresql://reader@host/fvma")


def _of_cactus(cactus: Cactus) -> Iterator[Problem]:
    if cactus.adapter is None:
        yield _missing("cactus", "adapter", reason="`http` for CACTUS or the simulator, `mock` for a trial in memory")
    if cactus.adapter != "http":
        return
    if cactus.base_url is None:
        yield _missing("cactus", "base_url", reason="the address of CACTUS, which the adapter `http` needs")
    for name in _SECRETS_OF[cactus.auth]:
        if getattr(cactus, name) is None:
            yield _missing("cactus", name, reason=f"the authentication `{cactus.auth}` needs it")


def _of_mail(mail: Mail) -> Iterator[Problem]:
    if mail.adapter is None:
        yield _missing("mail", "adapter", reason="`smtp` for a mail server, `folder` for files in a trial")
    if mail.adapter != "smtp":
        return
    if mail.host is None:
        yield _missing("mail", "host", reason="the mail server, which the adapter `smtp` needs")
    elif mail.sender.rstrip(">").endswith(_LOCALHOST_SENDER) and not _is_this_machine(mail.host):
        yield _missing("mail", "sender", reason="another machine does not take letters that come from localhost")
    if (mail.username is None) != (mail.password is None):
        name = "username" if mail.username is None else "password"
        yield _missing("mail", name, reason="a login is a username and a password")


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
