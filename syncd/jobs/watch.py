"""Read the change feed of CACTUS into the ledger. The feed says where to look; the contract's state is the truth."""

from collections.abc import Mapping
from datetime import datetime

import structlog

from syncd.errors import CursorExpired, OutcomeUnknown, Transient
from syncd.events import Log
from syncd.jobs.effects import adopted_or_conflicting, observed
from syncd.jobs.gate import Gate
from syncd.model import Asked, ContractId, Facts, MissionId, RemoteContract, RemoteStatus
from syncd.model.replacing import replace
from syncd.ports.cactus import Cactus, FeedPage
from syncd.ports.clock import Clock
from syncd.ports.ledger import Amend, Amendment, CursorMove, Ledger
from syncd.standing import is_gone, is_withdrawn
from syncd.transitions import is_same_contract

FLOW = "feed"
_PAGE = 200

log: Log = structlog.get_logger()


async def watch(cactus: Cactus, gate: Gate, ledger: Ledger, clock: Clock) -> int:
    """Take in every change since the last reading; return how many contracts it moved.

    Raises:
        Transient: CACTUS (or the ledger) cannot be reached, or the gate closed; what was read so far is recorded.
    """
    moved, entries, has_restarted = 0, 0, False
    while True:
        after = await ledger.cursor(FLOW)
        try:
            page = await read_page(cactus, gate, after)
        except CursorExpired:
            if after is None:
                raise Transient("the change feed of CACTUS cannot be read from its beginning") from None
            if has_restarted:
                raise Transient("the change feed of CACTUS forgets every place in it") from None
            has_restarted = True
            log.warning("feed.restarted")
            await ledger.amend((), _nothing, now=clock.now(), move=CursorMove(flow=FLOW, value=None))
            continue
        moved += await _take_in(page, after, ledger, clock)
        entries += len(page.items)
        if not page.has_more or page.cursor in (None, after):
            break
    await ledger.note_flow(FLOW, now=clock.now(), rows=entries, changes=moved)
    if moved:
        log.info("feed.read", count=entries, moved=moved)
    return moved


async def read_page(cactus: Cactus, gate: Gate, after: str | None) -> FeedPage:
    """Read a page under the common patience: what CACTUS answers here counts like any other answer."""
    async with gate.pass_through() as may_pass:
        if not may_pass:
            raise Transient("CACTUS is left alone for a while")
        try:
            page = await cactus.changes(after, limit=_PAGE)
        except (Transient, OutcomeUnknown) as error:
            await gate.note_failure(error)
            raise
        await gate.note_success()
        return page


async def _take_in(page: FeedPage, after: str | None, ledger: Ledger, clock: Clock) -> int:
    """Apply a page; its cursor is saved in the same transaction as what it changed."""
    missions = await ledger.missions_of(
        contract_ids=[item.contract_id for item in page.items],
        references=[MissionId(item.external_reference) for item in page.items if item.external_reference is not None],
    )
    latest = _latest_by_mission(page, missions)
    now = clock.now()

    def amend(facts: Facts) -> Amendment | None:
        return _believe(facts, latest[facts.mission_id], now)

    move = CursorMove(flow=FLOW, value=page.cursor if page.cursor is not None else after)
    return len(await ledger.amend(list(latest), amend, now=now, move=move))


def _latest_by_mission(
    page: FeedPage, missions: Mapping[ContractId | MissionId, MissionId]
) -> Mapping[MissionId, tuple[RemoteContract, ...]]:
    """Return the page's entries of each known mission, in the order of the feed."""
    entries: dict[MissionId, tuple[RemoteContract, ...]] = {}
    for item in page.items:
        mission_id = missions.get(item.contract_id)
        if mission_id is None and item.external_reference is not None:
            mission_id = missions.get(MissionId(item.external_reference))
        if mission_id is not None:
            entries[mission_id] = (*entries.get(mission_id, ()), item)
    return entries


def _believe(facts: Facts, entries: tuple[RemoteContract, ...], now: datetime) -> Amendment | None:
    """Take a newer entry as it is; have the contract read again when entries contradict what is known."""
    amendment: Amendment | None = None
    for item in entries:
        current = amendment.facts if amendment is not None else facts
        change = _amend_by(item, now)(current)
        if change is not None:
            before = amendment.entries if amendment is not None else ()
            amendment = replace(change, entries=(*before, *change.entries))
    return amendment


def _amend_by(item: RemoteContract, now: datetime) -> Amend:
    def apply(facts: Facts) -> Amendment | None:
        if facts.contract_id is None:
            return told_of_a_lost_answer(facts, item, now=now)
        if facts.contract_id != item.contract_id:
            return None  # somebody else's contract under our reference: `syncd reconcile` shows it
        known = facts.remote
        if known is not None and _content(known) == _content(item):
            return None
        if known is None or _is_newer(item, known):
            return observed(item, now=now)(facts)
        return Amendment(facts=replace(facts, reread_wanted=True))

    return apply


def told_of_a_lost_answer(facts: Facts, item: RemoteContract, *, now: datetime) -> Amendment | None:
    """CACTUS has the contract although we have no answer (yet): it is linked and read, or looked up and then read.

    Held, the contract would not be asked for again: what was applied late, or cannot be looked up, is found here.
    """
    is_forgotten = facts.asked is Asked.NEVER and (
        is_withdrawn(facts) or is_gone(facts)
    )  # in a ledger that was set back
    is_open = facts.contract_id is None and (facts.asked in (Asked.UNKNOWN, Asked.ABSENT) or is_forgotten)
    if is_open and is_same_contract(item, facts.sent or facts.mission):
        linked = adopted_or_conflicting(item, now=now)(facts)
        return replace(linked, facts=replace(linked.facts, reread_wanted=True))
    if facts.asked not in (Asked.UNKNOWN, Asked.UNDER_WAY):
        return None
    is_older_than_the_answer = item.known_status is RemoteStatus.INITIALISED
    return Amendment(
        facts=replace(facts, not_before=None, reread_wanted=facts.reread_wanted or not is_older_than_the_answer)
    )


def _content(contract: RemoteContract) -> RemoteContract:
    return replace(contract, etag=None)


def _is_newer(item: RemoteContract, known: RemoteContract) -> bool:
    return item.updated_at is not None and known.updated_at is not None and item.updated_at > known.updated_at


def _nothing(_facts: Facts) -> None:
    return None
