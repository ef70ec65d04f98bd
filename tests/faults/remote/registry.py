"""A CACTUS that remembers what it was asked and does it at once, late or never, seen by look-ups at once or later.

It keeps the contract of the HTTP interface (see `tests.world.remote`), but for two habits of real servers: it may
ignore idempotency keys, so that each request it applies makes a contract, and it may do its work long after the client
has lost patience. What is late is applied when its time has come, before anything else is looked at.
"""

import heapq
import json
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from itertools import count, takewhile
from typing import NamedTuple

from tests.world.remote import Answer, Json, Remote, Request

AT_ONCE = timedelta(0)
FOR_EVER = timedelta(days=36_500)


class _Late(NamedTuple):
    """A request that is applied only later; numbered, so that two of one moment keep their order."""

    at: float
    number: int
    nth: int
    """The how manieth request for its mission it is, from 1."""
    request: Request


class Registry(Remote):
    """What one remote knows. `seconds` is its clock; `honours_keys`: the same key never makes a second contract."""

    def __init__(self, seconds: Callable[[], float], *, honours_keys: bool) -> None:
        super().__init__()
        self.shown_after = AT_ONCE
        """How long a look-up and the feed say nothing of a contract that exists."""
        self.keys_last = FOR_EVER
        self.asked_at: dict[str, list[float]] = defaultdict(list)
        """When each mission's contract was asked for."""
        self.met: list[str] = []
        """Missions for which another request came before a late one was applied."""
        self.now_s = seconds
        self._honours_keys = honours_keys
        self._made: dict[str, list[Json]] = defaultdict(list)
        self._made_at: dict[str, float] = {}
        self._late: list[_Late] = []
        self._numbers = count()

    # ---------------------------------------------------------------------------------------------------- the verdict

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is left to be applied."""
        self._catch_up(self.now_s())
        return not self._late

    def finish(self) -> None:
        """Apply whatever is still to come."""
        self._catch_up(float("inf"))

    def count_of(self, mission_id: str) -> int:
        """Return how many contracts a mission has."""
        return len(self._made[mission_id])

    def duplicates(self) -> dict[str, int]:
        """Return the missions with more than one contract, and how many each has."""
        return {mission_id: len(contracts) for mission_id, contracts in self._made.items() if len(contracts) > 1}

    def pairs(self) -> set[tuple[str, str]]:
        """Return each contract as (mission, contract)."""
        return {(mission_id, str(one["contract_id"])) for mission_id, made in self._made.items() for one in made}

    # ------------------------------------------------------------------------------------------------------- working

    def take(self, request: Request, *, after: timedelta | None = AT_ONCE) -> Answer | None:
        """Do what a request asks after a while, never when `None`; return the honest answer to what is done at once."""
        self._catch_up(self.now_s())
        self.requests.append(request)
        if is_creation(request):
            self.asked_at[reference_of(request)].append(self.now_s())
        if after == AT_ONCE:
            return self._answer(request)
        if after is not None and is_creation(request):
            at, nth = self.now_s() + after.total_seconds(), len(self.asked_at[reference_of(request)])
            heapq.heappush(self._late, _Late(at, next(self._numbers), nth, request))
        return None

    def _catch_up(self, now: float) -> None:
        while self._late and self._late[0].at <= now:
            late = heapq.heappop(self._late)
            reference = reference_of(late.request)
            if any(asked_at <= late.at for asked_at in self.asked_at[reference][late.nth :]):
                self.met.append(reference)
            self._post(late.request)

    def _post(self, request: Request) -> Answer:
        known = self._known_by_its_key(request)
        if known is not None:
            return known
        body: Json = json.loads(request.body)
        contract = self._create(body, body["student"]["number"], body["company"]["siret"])
        self.keys[request.headers["idempotency-key"]] = (request.body, contract["contract_id"])
        self._made[reference_of(request)].append(contract)
        self._made_at[contract["contract_id"]] = self.now_s()
        return Answer.of(201, contract)

    def _known_by_its_key(self, request: Request) -> Answer | None:
        body, contract_id = self.keys.get(request.headers["idempotency-key"], (b"", ""))
        if not contract_id or not self._honours_keys or self._is_past(contract_id, self.keys_last):
            return None
        if body != request.body:
            return self._problem(422, "key-reused")
        return Answer.of(200, self.contracts[contract_id])

    def _list(self, request: Request) -> Answer:
        reference = request.query.get("external_reference")
        if reference is not None:
            items = [one for one in self._made[reference] if self._is_shown(one)]
            return Answer.of(200, {"items": items, "next_cursor": None, "has_more": False})
        start, limit = int(request.query.get("after", "0")), int(request.query.get("limit", "50"))
        items = list(takewhile(self._is_shown, self.feed[start : start + limit]))
        end = start + len(items)
        return Answer.of(200, {"items": items, "next_cursor": str(end), "has_more": len(items) == limit})

    def _is_shown(self, contract: Json) -> bool:
        return self._is_past(contract["contract_id"], self.shown_after)

    def _is_past(self, contract_id: str, age: timedelta) -> bool:
        return self.now_s() >= self._made_at[contract_id] + age.total_seconds()


def is_creation(request: Request) -> bool:
    """Whether this asks for a new contract."""
    return (request.method, request.path) == ("POST", "/contracts")


def reference_of(request: Request) -> str:
    """Return the mission whose contract is asked for."""
    return str(json.loads(request.body)["external_reference"])
