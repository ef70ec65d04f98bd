"""The full comparison: mission store, ledger, CACTUS. Finds what cursors and feeds can miss; changes nothing remote."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import structlog

from syncd.errors import CursorExpired, Transient
from syncd.events import Log
from syncd.jobs.sweep import Round, SweepReport, sweep
from syncd.jobs.watch import read_page, told_of_a_lost_answer
from syncd.jobs.works import Works
from syncd.model import ContractId, Facts, MissionId, RemoteContract
from syncd.ports.cactus import FeedPage
from syncd.ports.ledger import Amendment

_PAGE = 200
_ROUND = Round(begun="feed_compare_begun_at", ended="feed_compared_at")

log: Log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that ledger and CACTUS do not agree on.

    `kind` is unknown_contract, missing_contract, other_contract or state.
    """

    kind: str
    mission_id: MissionId | None
    contract_id: ContractId | None
    ledger: str | None
    cactus: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the three sides differ in; `remote_read` counts the contracts that CACTUS listed."""

    store: SweepReport
    differences: tuple[Difference, ...]
    remote_read: int


async def compare(works: Works, *, tell: Callable[[str, int], None] = lambda _what, _count: None) -> Comparison:
    """Sweep the store, read all that CACTUS lists, and have every contract looked at that does not agree.

    `tell` is called with what is being read and how much of it was.

    Raises:
        Transient: the store, CACTUS or the ledger cannot be reached.
    """
    store = await sweep(works.missions, works.ledger, works.clock, works.sweep_limits)
    tell("store", store.known)
    if not works.cactus.capabilities.change_feed:
        count = await _have_all_read(works, tell)
        return Comparison(store=store, differences=(), remote_read=count)
    listed = await _list_remote(works, tell)
    differences = [d for contract in listed.values() for d in await _difference(works, contract)]
    differences += await _not_listed(works, listed)
    return Comparison(store=store, differences=tuple(differences), remote_read=len(listed))


async def compare_when_due(works: Works) -> int | None:
    """Read the whole change feed again from time to time; return how many contracts must be read, `None` when not due.

    A cursor misses what CACTUS puts behind it, and a contract at rest is not asked for by itself. Page by page: the
    cost in memory does not grow with what is known.

    Raises:
        Transient: CACTUS (or the ledger) cannot be reached; it is tried again after a while.
    """
    if not works.cactus.capabilities.change_feed or works.cactus_gate.closed_until() is not None:
        return None
    if not await _ROUND.is_due(works.ledger, works.clock, every=works.rhythm.sweep):
        return None
    await _ROUND.begin(works.ledger, works.clock)
    count = 0
    try:
        async for page in _whole_feed(works):
            count += await _have_news_read(works, page)
    except CursorExpired:
        raise Transient("the change feed of CACTUS cannot be read from its beginning") from None
    await _ROUND.end(works.ledger, works.clock)
    log.info("feed.compared", differences=count)
    return count


async def _whole_feed(works: Works) -> AsyncIterator[FeedPage]:
    cursor: str | None = None
    while True:
        page = await read_page(works.cactus, works.cactus_gate, cursor)
        yield page
        if not page.has_more or page.cursor in (None, cursor):
            return
        cursor = page.cursor


async def _have_news_read(works: Works, page: FeedPage) -> int:
    """Have those read by themselves of which the page says something that is not older than what is known."""
    latest = {item.contract_id: item for item in page.items}
    by_reference = {MissionId(i.external_reference): i for i in latest.values() if i.external_reference is not None}
    owners = await works.ledger.missions_of(contract_ids=list(latest), references=list(by_reference))
    now = works.clock.now()

    def look(facts: Facts) -> Amendment | None:
        item = latest.get(facts.contract_id) if facts.contract_id is not None else by_reference.get(facts.mission_id)
        if item is None:
            return None
        if facts.contract_id is None:
            return told_of_a_lost_answer(facts, item, now=now)
        return _reread(facts) if _is_news(item, facts.remote) and not facts.reread_wanted else None

    amended = await works.ledger.amend(list(set(owners.values())), look, now=now) if owners else ()
    return len(amended)


def _is_news(item: RemoteContract, known: RemoteContract | None) -> bool:
    if known is None or _state(item) == _state(known):
        return False
    return item.updated_at is None or known.updated_at is None or item.updated_at >= known.updated_at


async def _list_remote(works: Works, tell: Callable[[str, int], None]) -> dict[ContractId, RemoteContract]:
    """Read the feed from its beginning; the last entry of a contract is the one that counts."""
    listed: dict[ContractId, RemoteContract] = {}
    cursor: str | None = None
    has_restarted = False
    while True:
        try:
            page = await works.cactus.changes(cursor, limit=_PAGE)
        except CursorExpired:
            if cursor is None or has_restarted:
                raise Transient("the change feed of CACTUS cannot be read from its beginning") from None
            cursor, has_restarted = None, True
            continue
        listed.update({item.contract_id: item for item in page.items})
        tell("cactus", len(listed))
        if not page.has_more or page.cursor in (None, cursor):
            return listed
        cursor = page.cursor


async def _difference(works: Works, contract: RemoteContract) -> list[Difference]:
    reference = MissionId(contract.external_reference) if contract.external_reference else None
    owners = await works.ledger.missions_of(
        contract_ids=[contract.contract_id], references=[reference] if reference else []
    )
    mission_id = owners.get(contract.contract_id) or (owners.get(reference) if reference else None)
    if mission_id is None:
        return [_unlike("unknown_contract", contract, reference, None)]
    view = await works.ledger.view(mission_id)
    if view is None:
        return []
    if view.facts.contract_id != contract.contract_id:
        now = works.clock.now()
        await works.ledger.amend([mission_id], lambda facts: told_of_a_lost_answer(facts, contract, now=now), now=now)
        return [_unlike("other_contract", contract, mission_id, view.facts.contract_id)]
    known = view.facts.remote
    if known is not None and _state(known) == _state(contract):
        return []
    await works.ledger.amend([mission_id], _reread, now=works.clock.now())
    return [_unlike("state", contract, mission_id, known.status if known else None)]


def _state(contract: RemoteContract) -> tuple[object, ...]:
    parts = (contract.student_part.state, contract.company_part.state)
    return (
        contract.status,
        parts,
        {(document.kind, document.version, document.sha256) for document in contract.documents},
    )


def _unlike(kind: str, contract: RemoteContract, mission_id: MissionId | None, known: str | None) -> Difference:
    said = contract.contract_id if kind == "other_contract" else contract.status
    return Difference(kind=kind, mission_id=mission_id, contract_id=contract.contract_id, ledger=known, cactus=said)


def _reread(facts: Facts) -> Amendment:
    return Amendment(facts=replace(facts, reread_wanted=True))


async def _not_listed(works: Works, listed: dict[ContractId, RemoteContract]) -> list[Difference]:
    """Find linked contracts that CACTUS did not list; each is asked for by itself at the next pass."""
    differences: list[Difference] = []
    after: MissionId | None = None
    while page := await works.ledger.list_linked(after=after, limit=_PAGE):
        lost = [(mission_id, contract_id) for mission_id, contract_id in page if contract_id not in listed]
        await works.ledger.amend([mission_id for mission_id, _ in lost], _reread, now=works.clock.now())
        differences += [
            Difference(kind="missing_contract", mission_id=m, contract_id=c, ledger=c, cactus=None) for m, c in lost
        ]
        after = page[-1][0]
    return differences


async def _have_all_read(works: Works, tell: Callable[[str, int], None]) -> int:
    """Without a feed, have each linked contract read at the next pass."""
    count, after = 0, None
    while page := await works.ledger.list_linked(after=after, limit=_PAGE):
        await works.ledger.amend([mission_id for mission_id, _ in page], _reread, now=works.clock.now())
        count += len(page)
        tell("cactus", count)
        after = page[-1][0]
    return count
