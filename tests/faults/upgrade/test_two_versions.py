"""L06, C10: a rolling upgrade, and its way back: processes of two versions on one ledger."""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.upgrade.newer import REVISION, make_newer
from tests.faults.upgrade.schema import migrate_to, revision_of, revisions
from tests.support.scale import Amount, Figures
from tests.world.world import World, mission

OF_THE_NEWER = {"mission_title": "Sous embargo: embargo jusqu'en janvier"}


def use(world: World, url: str) -> None:
    """Let the installation's ledger be there, with the schema of this version."""
    world.environment |= {"SYNCD_DATABASE__URL": url, "SYNCD_JOBS__LEASE_S": "3"}
    migrate_to(url, revisions()[-1])


@contextmanager
def daemon(world: World, *, path: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """Run a daemon of this version, or of the one on this path; it is killed at the end if it still runs."""
    with world.start("run", **({"PYTHONPATH": str(path)} if path is not None else {})) as process:
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def until(is_so: Callable[[], bool], *, what: str) -> None:
    """Return once something is so."""
    deadline = time.monotonic() + 40
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def stop(process: subprocess.Popen[str]) -> None:
    """Ask a daemon to stop, and wait for its end."""
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0, err


def have_contracts(world: World, count: int) -> Callable[[], bool]:
    """Return whether CACTUS has so many contracts."""
    return lambda: world.remote.creations() >= count


def have_letters(world: World, count: int) -> Callable[[], bool]:
    """Return whether so many letters about missions of this version have left."""
    return lambda: sum(m["X-Syncd-Mission"] is not None for m in world.mails()) >= count


def check_once(world: World, count: int) -> None:
    """Everything was done, and once."""
    ids = [f"FVMA-2025-{number:04d}" for number in range(1, count + 1)]
    references = Counter(str(c["external_reference"]) for c in world.remote.contracts.values())
    sent = Counter(str(m["Message-ID"]) for m in world.mails() if m["X-Syncd-Mission"] in ids)
    assert max(references.values()) == 1
    assert references.keys() >= set(ids)
    assert len(sent) == 2 * count
    assert set(sent.values()) == {1}


def test_l06_replicas_of_two_versions_work_side_by_side(
    world: World, postgres_url: str, tmp_path: Path, amount: Amount, figures: Figures
) -> None:
    """The newer one migrates under the older one's hands, both work, both are killed; an older one ends it all."""
    newer, half = make_newer(tmp_path), amount(quick=6, deep=100)
    use(world, postgres_url)
    world.missions.put(*(mission(number) for number in range(1, half + 1)))

    with daemon(world) as old, daemon(world, path=newer) as new:
        until(lambda: revision_of(postgres_url) == REVISION, what="the newer version migrates")
        world.missions.put(*(mission(number) for number in range(half + 1, 2 * half + 1)))
        until(have_contracts(world, half), what="they work")
        new.kill()
        old.kill()
    with daemon(world) as again:
        until(have_letters(world, 4 * half), what="the old version ends it all")
        stop(again)

    check_once(world, 2 * half)
    figures.note("missions through two versions at once", missions=2 * half, doubled=0, lost=0)


def test_l06_c10_the_program_may_go_back_and_what_the_newer_version_holds_stays_held(
    world: World, tmp_path: Path
) -> None:
    """Old, newer, old, newer: the schema stays the newer one's, for going back loses nothing."""
    url, newer = f"sqlite:///{world.folder / 'ledger.db'}", {"PYTHONPATH": str(make_newer(tmp_path))}
    use(world, url)
    world.missions.put(mission(1))
    world.once()
    world.missions.put(mission(2), mission(3, **OF_THE_NEWER))
    forth = world.process("run", "--once", **newer)

    world.missions.put(mission(4))
    world.once()
    world.syncd("resync", "--all", "--yes")
    world.once()
    by_the_older = world.syncd("status", "--json").json["left_alone"]
    back_again = world.process("show", "FVMA-2025-0003", "--json", **newer)

    assert forth.code == 0, forth
    assert revision_of(url) == REVISION
    assert by_the_older == ["FVMA-2025-0003"]
    assert [hold["code"] for hold in back_again.json["holds"]] == ["EMBARGO"]
    assert world.remote.creations() == 3
    assert {world.step(f"FVMA-2025-{number:04d}") for number in (1, 2, 4)} == {"awaiting_student"}
