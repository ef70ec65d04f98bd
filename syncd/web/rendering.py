"""Turns a snapshot into the status page: one document that loads nothing and runs nothing."""

import base64
import hashlib
import shlex
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from syncd import __version__
from syncd.events.french import spoken
from syncd.model import Step
from syncd.web import french
from syncd.web.freshness import Rhythm, freshness_of
from syncd.web.snapshot import CONTRACTS_SHOWN, LETTERS_SHOWN, Snapshot
from syncd.web.troubles import troubles_of

_ROOM = Path(__file__).parent / "templates"
_STYLE = (_ROOM / "style.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

PROTECTION = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""Headers of every answer. The style is named by its hash: nothing else is applied, even if it were injected."""


@lru_cache(maxsize=1)
def render_status(snapshot: Snapshot, rhythm: Rhythm) -> str:
    """Return the status page."""
    return _ENVIRONMENT.get_template("status.html").render(
        snapshot=snapshot,
        now=snapshot.read_at,
        troubles=troubles_of(snapshot, rhythm),
        freshness={flow.flow: freshness_of(flow, rhythm, snapshot.read_at) for flow in snapshot.flows},
        people=snapshot.people[:CONTRACTS_SHOWN],
        letters=snapshot.lost_letters[:LETTERS_SHOWN],
    )


def render_silence(now: datetime) -> str:
    """Return the page that says that the ledger does not answer."""
    return _ENVIRONMENT.get_template("silence.html").render(now=now)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_ROOM),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(ago=french.ago, instant=french.instant, in_shell=shlex.quote)
    environment.globals.update(
        spoken=spoken,
        count=french.count,
        flow_names=french.FLOW_NAMES,
        flow_meanings=french.FLOW_MEANINGS,
        freshness_words=french.FRESHNESS_WORDS,
        step_meanings=french.STEP_MEANINGS,
        Step=Step,
        style=Markup(_STYLE),  # noqa: S704  # our own file
        version=__version__,
    )
    return environment


_ENVIRONMENT = _environment()
