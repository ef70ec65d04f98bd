"""Turns templates into pages."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response

from syncd.adapters.cactus.simulator.vocabulary import (
    KIND_WORDS,
    PART_WORDS,
    STATUS_WORDS,
    french_day,
    grouped_siret,
    written_day,
)
from syncd.model import RemoteStatus

ROOM = Path(__file__).parent / "templates"
PARIS = ZoneInfo("Europe/Paris")

CONTENT_POLICY = """\
default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"""

PROTECTION = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

DOCUMENTS_HOLD = frozenset(
    {RemoteStatus.GENERATED, RemoteStatus.SIGNED, RemoteStatus.TRANSMITTED, RemoteStatus.FILED, RemoteStatus.CLOSED}
)


def render(template: str, **values: object) -> str:
    """Return a page; a name that the template uses and nobody gave is an error."""
    return _ENVIRONMENT.get_template(template).render(**values)


def page_response(text: str, status: int = 200) -> Response:
    """Return a page as an answer that loads nothing from elsewhere and runs no script."""
    return Response(text, status_code=status, media_type="text/html", headers=PROTECTION)


def paris_time(instant: datetime) -> str:
    """Return an instant as people in France read it: 03/09/2025 à 14:05."""
    return f"{instant.astimezone(PARIS):%d/%m/%Y à %H:%M}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ROOM),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        day=french_day, typed_day=written_day, instant=paris_time, siret=grouped_siret, status_word=_status_word
    )
    environment.globals.update(part_words=PART_WORDS, kind_words=KIND_WORDS, documents_hold=DOCUMENTS_HOLD)
    return environment


def _status_word(status: str) -> str:
    return STATUS_WORDS.get(status, status)


_ENVIRONMENT = _environment()
