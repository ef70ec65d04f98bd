"""Write letters in French: facts in, subject, text and HTML out. Pure.

Each letter is one template, written once and rendered twice: with the `text` kit and with the `html` kit, which define
the same blocks (paragraph, steps, button, …). So both parts say the same, links included.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from css_inline import CSSInliner
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from syncd.adapters.mail import french
from syncd.adapters.mail.context import LetterContext
from syncd.adapters.mail.digest import Digest, DigestRow
from syncd.adapters.mail.view import view_of
from syncd.model import Event, Facts, Role

_TEMPLATES = Path(__file__).with_name("templates")
_KIT = ("greeting", "paragraph", "title", "strong", "note", "steps", "bullets", "details", "button", "digest_rows")
_LONGEST_SUBJECT = 120
_EMPTY_LINES = re.compile(r"[ \t]*\n(?:[ \t]*\n)+")
_INLINER = CSSInliner(load_remote_stylesheets=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a person reads: a subject on one line, and the same letter as text and as HTML."""

    subject: str
    text: str
    html: str


def write_letter(
    event: Event, role: Role, facts: Facts, *, context: LetterContext, written_on: date, cause: str = ""
) -> Letter:
    """Return the letter that tells this role of this event; `written_on` is the Paris day deadlines count from.

    `cause` is the notification's: the last number in it says which reminder this is. Every role may receive every
    event but the digest (`write_digest`): the recipients' table is configuration.
    """
    words = {
        "contract": view_of(facts, context, written_on=written_on),
        "role": role,
        "reminder": _number_in(cause),
    }
    return _render(f"letters/{_audience_of(role)}/{event}.jinja", words, context)


def write_digest(digest: Digest, *, context: LetterContext) -> Letter:
    """Return the supervisor's daily letter; it names people, as mail to the supervisor may."""
    shown = context.digest_rows
    sections = [
        (title, len(rows), [_words_of(row, digest.day) for row in rows[:shown]], max(0, len(rows) - shown))
        for title, rows in digest.sections()
    ]
    words = {"sections": sections, "day": french.weekday_of(digest.day)}
    return _render(f"letters/staff/{Event.DIGEST_DAILY}.jinja", words, context)


def _audience_of(role: Role) -> str:
    match role:
        case Role.STUDENT:
            return "student"
        case Role.HR_CONTACT:
            return "company"
        case Role.SUPERVISOR | Role.SECRETARIAT | Role.CONTINUING_EDUCATION:
            return "staff"


def _number_in(cause: str) -> int:
    last = cause.rpartition(".")[2]
    return int(last) if last.isascii() and last.isdecimal() else 1


def _words_of(row: DigestRow, day: date) -> dict[str, str]:
    days = (day - row.since).days if row.since else 0
    return {
        "student": french.plain(row.student),
        "company": french.plain(row.company),
        "step": french.STEPS[row.step],
        "since": french.long_day(row.since) if row.since else "",
        "age": f"{days} jour{'s' if days > 1 else ''}" if days > 0 else "",
        "note": french.plain(row.note, default=""),
        "reference": french.plain(row.mission_id),
    }


def _render(template: str, words: Mapping[str, object], context: LetterContext) -> Letter:
    subject, _, text = _environment("text").get_template(template).render(words, context=context).partition("\n")
    html = _environment("html").get_template(template).render(words, context=context)
    return Letter(
        subject=french.shorten(french.plain(subject), _LONGEST_SUBJECT),
        text=french.typeset(_EMPTY_LINES.sub("\n\n", text)).strip() + "\n",
        html=french.typeset(_INLINER.inline(html)),
    )


@cache
def _environment(form: str) -> Environment:
    """Return the templates with the kit of one form. Only HTML is escaped: `<` in a name stays `<` in a text part."""
    environment = Environment(
        loader=FileSystemLoader([_TEMPLATES / form, _TEMPLATES]),
        autoescape=form == "html",  # noqa: S701 (the other form is plain text)
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(plain=french.plain, capital=french.capital)
    kit = environment.get_template("kit.jinja").module
    environment.globals.update({name: getattr(kit, name) for name in _KIT})
    return environment
