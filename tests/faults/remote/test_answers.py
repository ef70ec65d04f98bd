"""R06 to R09, R14 to R16, R22: strange, slow and hurtful answers, from the socket to the ledger and back."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from structlog.typing import EventDict

from syncd.adapters.cactus.http import HttpCactus
from syncd.adapters.cactus.oauth import ClientCredentials
from syncd.errors import OutcomeUnknown, Transient
from syncd.model import ContractId, DocumentKind, HoldCode, Step
from tests.adapters.cactus.fault_server import Connection, answering, fault_server
from tests.adapters.cactus.rigs import CONTRACT, SOON_OVER, open_cactus
from tests.adapters.cactus.test_http_connection import server_context
from tests.conformance.examples import A_MISSION
from tests.faults.remote.counter import HONEST, Fate
from tests.faults.remote.registry import AT_ONCE, is_creation, reference_of
from tests.faults.remote.rig import KINDS, PROCESSING_TIME, Rig, open_rig
from tests.jobs.workshop import id_of
from tests.support.clock import FixedClock
from tests.world.remote import Answer, Request
from tests.world.world import make_world, mission

KEYS = pytest.mark.parametrize("honours_keys", KINDS, ids=KINDS.values())
CT_1 = ContractId("CT-1")


def answers_first_with(instead: Answer, *, after: timedelta | None = None) -> Callable[[Request, int], Fate]:
    """The first mission's first request is answered with this; all others go well."""

    def decide(request: Request, nth: int) -> Fate:
        is_the_one = is_creation(request) and nth == 1 and reference_of(request) == id_of(1)
        return Fate(instead=instead, after=after) if is_the_one else HONEST

    return decide


async def codes(rig: Rig, number: int) -> set[HoldCode]:
    """Return why a contract is held."""
    return set((await rig.first.view(number)).row.hold_codes)


# ------------------------------------------------------------------------------- answers that say something else


@KEYS
async def test_r06_a_request_in_progress_is_waited_for_and_concerns_its_contract_alone(
    tmp_path: Path, honours_keys: bool
) -> None:
    in_progress = Answer.of(409, {"type": "in-progress"}, **{"Retry-After": "7"})
    decide = answers_first_with(in_progress, after=timedelta(seconds=20))
    async with open_rig(tmp_path, decide, honours_keys=honours_keys) as rig:
        await rig.discover(1, 2, 3)
        await rig.work()
        waiting, gate = (await rig.first.view(1)).facts, rig.first.works.cactus_gate.state
        at_first = await rig.first.ledger.count_by_step()

        await rig.live(2 * PROCESSING_TIME)

        assert at_first == {Step.TO_INITIALISE: 1, Step.AWAITING_STUDENT: 2}
        assert waiting.not_before is not None
        assert waiting.not_before >= waiting.discovered_at + timedelta(seconds=7)
        assert gate.failures == 0
        assert await rig.are_initialised(3)
        assert rig.registry.duplicates() == {}
        assert honours_keys or len(rig.registry.asked_at[id_of(1)]) == 1


@pytest.mark.parametrize(
    ("status", "problem", "hold"),
    [
        (422, {"type": "key-reused"}, HoldCode.REMOTE_CONFLICT),
        (409, {"type": "key-reused"}, HoldCode.REMOTE_CONFLICT),
        (422, {"type": "invalid", "errors": [{"field": "student.email"}]}, HoldCode.REMOTE_REFUSED),
        (400, {"detail": "zoe1@example.org"}, HoldCode.REMOTE_REFUSED),
    ],
    ids=["r07", "r07 as a conflict", "r09", "r09 without words"],
)
async def test_r07_r09_a_refusal_is_held_for_a_person_and_never_repeated(
    tmp_path: Path, status: int, problem: dict[str, object], hold: HoldCode, lines: list[EventDict]
) -> None:
    async with open_rig(tmp_path, answers_first_with(Answer.of(status, problem))) as rig:
        await rig.discover(1, 2)
        await rig.work()
        await rig.live(timedelta(days=2), shortest=timedelta(hours=6), longest=timedelta(hours=6))

        assert await codes(rig, 1) == {hold}
        assert await rig.first.step(2) is Step.AWAITING_STUDENT
        assert len(rig.registry.asked_at[id_of(1)]) == 1
        assert [row.mission_id for row in await rig.first.ledger.needs_person()] == [id_of(1)]
        assert "zoe1@" not in json.dumps([str(line) for line in lines]) + str((await rig.first.view(1)).holds)


UNBELIEVABLE: dict[str, Answer] = {
    "no id": Answer.of(201, {k: v for k, v in CONTRACT.items() if k != "contract_id"}),
    "a wrong id": Answer.of(201, CONTRACT | {"contract_id": "../1"}),
    "another reference": Answer.of(201, CONTRACT | {"external_reference": "FVMA-2025-9999"}),
    "no status": Answer.of(201, {"contract_id": "CT-1", "external_reference": id_of(1)}),
    "half of the JSON": Answer(201, b'{"contract_id": "CT-1", "exter'),
    "nothing": Answer(201, b""),
    "a list": Answer(201, b"[]"),
    "deep JSON": Answer(201, b"[" * 200_000),
    "huge JSON": Answer(201, b'{"contract_id": "' + b"x" * 9_000_000 + b'"}'),
    "a web page": Answer(200, b"<html>Connexion</html>", {"Content-Type": "text/html"}),
    "accepted": Answer(202, b"{}"),
}


@pytest.mark.parametrize("said", UNBELIEVABLE.values(), ids=UNBELIEVABLE.keys())
async def test_r08_an_answer_that_cannot_be_believed_is_verified_by_a_look_up(tmp_path: Path, said: Answer) -> None:
    async with open_rig(tmp_path, answers_first_with(said, after=AT_ONCE), honours_keys=False) as rig:
        await rig.discover(1, 2)
        await rig.work()
        await rig.live(timedelta(seconds=15))

        assert await rig.are_initialised(2)
        assert len(rig.registry.asked_at[id_of(1)]) == 1
        assert "contract.adopted" in await rig.first.events(1)
        assert rig.registry.pairs() == set(await rig.first.ledger.list_linked(after=None, limit=10))


# ------------------------------------------------------------------------------------------------ answers that last

CALLS: dict[str, Callable[[HttpCactus], Awaitable[object]]] = {
    "initialise": lambda cactus: cactus.initialise(A_MISSION, key="k"),
    "cancel": lambda cactus: cactus.cancel(CT_1, "Retrait"),
    "find": lambda cactus: cactus.find(A_MISSION.mission_id),
    "read": lambda cactus: cactus.read(CT_1),
    "feed": lambda cactus: cactus.changes(None, limit=5),
    "document": lambda cactus: cactus.fetch_document(CT_1, DocumentKind.CERFA, 1),
}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n"
BEGINNINGS = {
    "in the status line": b"",
    "in the headers": HEAD + b"X-Long: ",
    "in the body": HEAD + b"Content-Length: 100000\r\n\r\n",
    "in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n",
    "without a length": HEAD + b"Connection: close\r\n\r\n",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS.keys())
async def test_r14_a_byte_now_and_then_ends_at_the_total_deadline(
    call: Callable[[HttpCactus], Awaitable[object]], beginning: bytes
) -> None:
    async def trickle(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(beginning)
        while True:
            await connection.send(b"H")
            await asyncio.sleep(0.04)

    async with fault_server(trickle) as server, open_cactus(server.url, timeout=SOON_OVER) as cactus:
        started = time.monotonic()
        with pytest.raises((OutcomeUnknown, Transient)):
            await call(cactus)

    assert time.monotonic() - started < SOON_OVER.total_seconds() + 2


async def test_r14_a_token_that_trickles_leaves_nothing_sent() -> None:
    async def trickle(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(BEGINNINGS["in the body"])
        while True:
            await connection.send(b" ")
            await asyncio.sleep(0.04)

    async with fault_server(trickle) as tokens, fault_server(answering((201, CONTRACT))) as server:
        oauth = ClientCredentials(token_url=tokens.url, client_id="s", secret=lambda: "s", clock=FixedClock())
        async with open_cactus(server.url, authentication=oauth, timeout=SOON_OVER) as cactus:
            with pytest.raises(Transient):
                await cactus.initialise(A_MISSION, key="k")

    assert server.requests == []


# ----------------------------------------------------------------------------------------- answers that never come


def test_r15_a_remote_that_cannot_be_trusted_is_sent_nothing_and_is_logged_as_a_security_event(tmp_path: Path) -> None:
    authority, seen = trustme.CA(), list[bytes]()
    expired = server_context(authority, "localhost", not_after=datetime.now(UTC) - timedelta(days=1))

    async def run_against_it() -> tuple[int, str]:
        async def listen(connection: Connection) -> None:
            seen.append((await connection.read_request()).body)

        async with fault_server(listen, tls=expired) as server:
            authority.cert_pem.write_to_path(tmp_path / "ca.pem")
            with make_world(tmp_path) as world:
                world.missions.put(mission(1))
                result = await asyncio.to_thread(
                    world.process, "run", "--once", SYNCD_CACTUS__BASE_URL=server.url,
                    SYNCD_CACTUS__CA_FILE=str(tmp_path / "ca.pem"),
                )  # fmt: skip
        return result.code, result.out

    code, out = asyncio.run(run_against_it())

    events = [json.loads(line) for line in out.splitlines()]
    assert code == 69
    assert seen == []
    assert {line["level"] for line in events if line["event"] == "tls.refused"} == {"error"}
