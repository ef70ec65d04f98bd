"""What a mail server's reply means for the message: one table. Pure.

Only the codes of a reply are kept: its text may repeat addresses.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from syncd.errors import CredentialsRefused, OutcomeUnknown, RefusalCode, Refused, SyncdError, Transient

_ENHANCED_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
_ACCEPTED = {250, 251, 252}
_GO_ON = 354
_CLOSING = 421
_TOO_BIG = 552
_NOT_LOGGED_IN = frozenset({530, 534, 535, 538})


class Stage(StrEnum):
    """Where a conversation stands; the value names it in error texts."""

    HELLO = "the greeting"
    LOGIN = "the login"
    SENDER = "the sender"
    RECIPIENT = "the recipient"
    DATA = "the letter's beginning"
    CONTENT = "the letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The codes of a server's reply: `451`, and `4.7.1` when it gave one."""

    code: int
    enhanced: str | None = None

    @property
    def is_refusal(self) -> bool:
        """Whether the server says no in so many words, and waits for the next command."""
        return self.code // 100 in {4, 5}

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced}" if self.enhanced else str(self.code)


def reply_of(code: int, text: str) -> Reply:
    """Return the codes of a reply, and nothing else of it."""
    match = _ENHANCED_CODE.match(text.lstrip())
    return Reply(code=code, enhanced=match.group() if match else None)


def error_of(stage: Stage, reply: Reply) -> SyncdError | None:
    """Return the error that a reply at this stage is, `None` when the conversation goes on."""
    if reply.code in _ACCEPTED if stage is not Stage.DATA else reply.code == _GO_ON:
        return None
    if reply.code == _CLOSING:
        return Transient(f"the mail server is closing ({reply})", is_general=True)
    if reply.code in _NOT_LOGGED_IN:
        return _not_accepted("the mail server wants another login", reply)
    match reply.code // 100:
        case 4:
            return _refused_for_now(stage, reply)
        case 5:
            return _refused_for_good(stage, reply)
        case _:
            return _not_understood(stage, reply)


def _refused_for_now(stage: Stage, reply: Reply) -> SyncdError:
    concerns_everybody = stage in {Stage.HELLO, Stage.LOGIN, Stage.SENDER}
    return Transient(f"the mail server put off {stage} ({reply})", is_general=concerns_everybody)


def _refused_for_good(stage: Stage, reply: Reply) -> SyncdError:
    match stage:
        case Stage.HELLO:
            return Transient(
                f"the mail server refuses to speak with us ({reply})",
                hint="Ask the mail server's administrator to accept this machine.",
                is_general=True,
            )
        case Stage.LOGIN:
            return _not_accepted("the mail server refused the login", reply)
        case Stage.SENDER if reply.code != _TOO_BIG:
            return _not_accepted("the mail server refused the sender's address", reply)
        case Stage.RECIPIENT:
            return Refused(f"the mail server refused the recipient ({reply})", code=RefusalCode.ADDRESS)
        case Stage.SENDER | Stage.DATA | Stage.CONTENT:
            return Refused(f"the mail server refused the letter ({reply})", code=RefusalCode.CONTENT)


def _not_understood(stage: Stage, reply: Reply) -> SyncdError:
    if stage is Stage.CONTENT:
        return OutcomeUnknown(f"the mail server's last reply cannot be understood ({reply})")
    return Transient(f"the mail server's reply to {stage} cannot be understood ({reply})", is_general=True)


def _not_accepted(what: str, reply: Reply) -> CredentialsRefused:
    return CredentialsRefused(
        f"{what} ({reply})", hint="Check SYNCD_MAIL__USERNAME, SYNCD_MAIL__PASSWORD and SYNCD_MAIL__SENDER."
    )
