"""A replica that is parted from its ledger, and not from CACTUS."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from tests.faults.database.proxy import Proxy
from tests.faults.replicas.site import Replica, Site, open_site, take_a_moment, wait_for
from tests.faults.replicas.watchman import ROLES
from tests.support.postgres import PostgresServer

SHORT_LEASE_S = 2.0


async def test_l04_who_is_cut_off_from_the_ledger_but_not_from_cactus_starts_nothing_new(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        site = stack.enter_context(open_site(postgres, tmp_path, SYNCD_JOBS__LEASE_S=str(SHORT_LEASE_S)))
        proxy = await stack.enter_async_context(Proxy(postgres.socket_path).serve())
        take_a_moment(site.remote, 0.2)
        cut_off = site.start(ROLES[0], url=proxy.url(site.url).replace("postgres@", f"{ROLES[0]}@"))
        other = site.start(ROLES[1])
        await until(lambda: cut_off.has_said("presence.shown") and other.has_said("presence.shown"))

        for breaks in (False, True):  # first its connections are only silent
            await _cut_off(site, proxy, cut_off, breaks=breaks)

        assert site.stale_writes() == []
        assert site.doubled() == {}
        assert site.remote.creations() == site.known
        codes = [await asyncio.to_thread(replica.end) for replica in (cut_off, other)]
        assert codes == [0, 0]


async def _cut_off(site: Site, proxy: Proxy, replica: Replica, *, breaks: bool) -> None:
    """Part a replica from its ledger in the middle of its work until the others have done it, and let it come back."""
    before = len(site.posts_of(replica))
    site.discover(24)
    await until(lambda: len(site.posts_of(replica)) > before + 1 and bool(site.missions_of(replica)))

    proxy.hush()
    if breaks:
        proxy.reset_all()
    intended = site.missions_of(replica) | set(site.posts_of(replica))
    await asyncio.sleep(SHORT_LEASE_S)
    asked_within_the_lease = site.posts_of(replica)
    site.discover(6)
    await until(site.is_settled)
    asked = site.posts_of(replica)
    proxy.speak()

    assert asked == asked_within_the_lease
    assert set(asked) <= intended

    site.discover(20)
    await until(lambda: len(site.posts_of(replica)) > len(asked))
    await until(site.is_settled)


async def until(is_so: Callable[[], bool], *, within_s: float = 60) -> None:
    """Wait for something, while the proxy goes on."""
    await asyncio.to_thread(wait_for, is_so, within_s=within_s)
