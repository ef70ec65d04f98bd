"""Mail addresses and header values: accepted in a form every mail server takes, or refused. Pure."""

import re
import unicodedata
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from syncd.errors import RefusalCode, Refused

_NEVER_IN_A_HEADER = frozenset({"Cc", "Cs", "Zl", "Zp"})
_ENCODED_WORD = re.compile(r"=\?.*\?=", re.DOTALL)
_ON_THIS_MACHINE = re.compile(r"[A-Za-z0-9._+-]+@localhost", re.ASCII)
_LONGEST_HEADER = 900


@lru_cache(maxsize=256)
def ascii_address(address: str) -> str:
    """Return the bare address with its domain in IDNA form.

    Nothing is asked of the network. A display name, a quoted local part and a non-ASCII local part are refused: the
    last needs SMTPUTF8, which most servers between us and the reader do not have.

    Raises:
        Refused: `ADDRESS`; the message does not repeat the address.
    """
    try:
        parsed = validate_email(address, check_deliverability=False, allow_smtputf8=False, test_environment=True)
    except EmailNotValidError:
        parsed = None
    if parsed is None or parsed.ascii_email is None or _ENCODED_WORD.search(parsed.ascii_email):
        raise Refused(
            "the mail address is not one that mail servers accept",
            code=RefusalCode.ADDRESS,
            hint="Correct the address where the mission was entered.",
        )
    return parsed.ascii_email


def own_address(address: str) -> str:
    """Return an address of ours as `ascii_address` does; a mailbox on this machine (`syncd@localhost`) is one too.

    Raises:
        Refused: `ADDRESS`; the message does not repeat the address.
    """
    return address if _ON_THIS_MACHINE.fullmatch(address) else ascii_address(address)


def header_value(value: str) -> str:
    """Return the value when it can only ever be one header line.

    Encoded words are refused too: Python 3.11.7 decodes `=?UTF-8?Q?=0A?=` into a line break when it writes the header.

    Raises:
        Refused: `CONTENT`, the value has control characters, line separators or encoded words, or is far too long.
    """
    is_unsafe = (
        len(value) > _LONGEST_HEADER
        or _ENCODED_WORD.search(value) is not None
        or any(unicodedata.category(sign) in _NEVER_IN_A_HEADER for sign in value)
    )
    if is_unsafe:
        raise Refused("a header of the letter is unsafe", code=RefusalCode.CONTENT)
    return value
