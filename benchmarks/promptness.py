"""How soon a change in CACTUS is a mail in the hands of the server, while very many contracts wait.

The student's part of one contract after another is done; its company is to be told. It is counted from the moment
before the change to the moment at which a real mail server on loopback has the whole letter.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median, quantiles
from typing import Any

from aiosmtpd.smtp import SMTP

from benchmarks.crowd import Crowd, make_crowd
from benchmarks.daemons import running
from benchmarks.databases import DATABASES, a_database
from benchmarks.remote import contract_of
from benchmarks.sites import RemoteSite, remote_site
from benchmarks.table import Figure
from syncd.model import Event
from tests.adapters.mail.post_office import PostOffice, serve

POLL_S = 1
"""As often as makes sense to ask somebody else's server; the default is 20 s."""
_MARGIN_S = 1
_CHANGES = 100
_PAUSE_S = 0.37
"""Between two changes: no part of the poll, so that every moment between two polls has its turn."""
_LONGEST_S = 60.0


@dataclass
class _ClockedOffice(PostOffice):
    """A mail server that notes when it had which letter: event, mission and recipient are its name."""

    had_at: dict[tuple[str, str, str], float] = field(default_factory=dict)

    async def handle_DATA(self, server: SMTP, session: object, envelope: Any) -> str:  # noqa: N802 (the library's name)
        now = time.monotonic()
        reply = await super().handle_DATA(server, session, envelope)
        letter = self.letters[-1]
        name = (str(letter["X-Syncd-Event"]), str(letter["X-Syncd-Mission"]), envelope.rcpt_tos[0])
        assert name not in self.had_at, f"twice: {name}"
        self.had_at[name] = now
        return reply

    def companies_told(self) -> dict[tuple[str, str], float]:
        """Return when it had the letter to a company that its turn has come, by mission and recipient."""
        told = Event.STUDENT_PART_DONE
        return {(mission, to): at for (event, mission, to), at in tuple(self.had_at.items()) if event == told}


def measure(count: int) -> Iterator[Figure]:
    """Yield the slowest of the changes but one in a hundred, on both databases."""
    for kind in DATABASES:
        took_s = asyncio.run(_beside_a_mail_server(kind, count))
        p99_s = quantiles(took_s, n=100, method="inclusive")[-1]
        yield Figure(
            name=f"from a change in CACTUS to the mail, p99, {count:,} waiting, {kind}, a poll every {POLL_S} s",
            ratio=p99_s / (POLL_S + _MARGIN_S), target=f"≤ poll + {_MARGIN_S} s",
            context={"p99_s": round(p99_s, 2), "median_s": round(median(took_s), 2), "worst_s": round(max(took_s), 2),
                     "changes": len(took_s)},
        )  # fmt: skip


async def _beside_a_mail_server(kind: str, count: int) -> list[float]:
    office = _ClockedOffice()
    async with serve(office) as port:
        return await asyncio.to_thread(_follow, kind, count, office, port)


def _follow(kind: str, count: int, office: _ClockedOffice, port: int) -> list[float]:
    """Return how long each change took, after making sure that the right companies were told, once each."""
    smtp = {"MAIL__ADAPTER": "smtp", "MAIL__HOST": "127.0.0.1", "MAIL__PORT": port, "MAIL__SECURITY": "none"}
    with a_database(kind) as (folder, ledger_url), remote_site(0, module="benchmarks.remote_feed") as remote:
        crowd = make_crowd(folder / "crowd", ledger_url, count)
        with running(crowd.site(remote.url, JOBS__POLL_INTERVAL_S=POLL_S, **smtp)):
            changed_at = dict(_change(crowd, remote, number) for number in _spread(count))
            _await_letters(office, len(changed_at))
    told_at = office.companies_told()
    assert told_at.keys() == changed_at.keys()
    return [told_at[name] - since for name, since in changed_at.items()]


def _spread(count: int) -> range:
    """Return the numbers of the contracts that change, from the whole crowd."""
    return range(1, count, max(1, count // _CHANGES))[:_CHANGES]


def _change(crowd: Crowd, remote: RemoteSite, number: int) -> tuple[tuple[str, str], float]:
    """Let a student finish, after a pause; return whose letter is due from which moment on."""
    time.sleep(_PAUSE_S)
    row, now = crowd.row(number), datetime.now(UTC).isoformat()
    asked = {"external_reference": row["mission_id"], "student": {"number": row["student_number"]},
             "company": {"siret": row["company_siret"]}}  # fmt: skip
    part = {"student_part": {"state": "done", "done_at": now}, "status": "in_progress", "updated_at": now}
    contract = contract_of(asked, crowd.contract_number(number)) | part
    since = time.monotonic()
    remote.change(contract)
    return (row["mission_id"], row["hr_contact_email"]), since


def _await_letters(office: _ClockedOffice, count: int) -> None:
    deadline = time.monotonic() + _LONGEST_S
    while len(office.companies_told()) < count:
        assert time.monotonic() < deadline, f"{len(office.companies_told())} letters of {count}"
        time.sleep(0.1)
    time.sleep(2 * POLL_S)  # what leaves although it should not
