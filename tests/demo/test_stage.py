"""What happens outside CACTUS while a demo runs."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from syncd.adapters.missions.sql import SqlMissionStore
from syncd.demo.board import Board
from syncd.demo.folder import DemoFolder
from syncd.demo.mission_store import MissionFile
from syncd.demo.preparing import Cast, prepare_missions
from syncd.demo.stage import Stage
from syncd.model import DocumentKind, MissionId, Step
from tests.demo.samples import a_line
from tests.support.clock import A_TUESDAY, TickingClock


class _Office:
    """Notes what an admin hands over."""

    def __init__(self) -> None:
        self.taken: list[tuple[MissionId, DocumentKind]] = []

    async def take(self, mission_id: MissionId, kind: DocumentKind, file: Path) -> bool:
        assert file.name == f"{kind}-{mission_id[-4:]}.pdf"
        self.taken.append((mission_id, kind))
        return True


def _prepared(tmp_path: Path, *, is_manual: bool = False, count: int = 30) -> tuple[DemoFolder, Cast]:
    folder = DemoFolder(root=tmp_path / "demo")
    with folder.occupied():
        return folder, prepare_missions(folder, count=count, now=A_TUESDAY, is_manual=is_manual)


def _standing(cast: Cast, step: Step) -> Board:
    """Return a board on which every mission of the cast stands at one step."""
    ids = [*(mission_id for mission_id, _ in cast.papers), *filter(None, (cast.changed, cast.withdrawn))]
    return Board(lines=tuple(a_line(int(mission_id[-4:]), step) for mission_id in ids))


def _stage(folder: DemoFolder, cast: Cast, board: Callable[[], Board], office: _Office, news: list[str]) -> Stage:
    return Stage(
        cast, file=MissionFile(folder.missions), board=board, hand_over=office.take, tell=news.append,
        clock=TickingClock(), speed=1,
    )  # fmt: skip


def test_one_pair_of_papers_is_left_to_the_person_who_watches(tmp_path: Path) -> None:
    folder, cast = _prepared(tmp_path)

    assert len(cast.papers) == 5
    assert cast.left == {"FVMA-2025-0030"}
    assert (folder.papers / "cerfa-0030.pdf").read_bytes().startswith(b"%PDF-")


def test_by_hand_all_papers_are_left_to_the_person(tmp_path: Path) -> None:
    _, cast = _prepared(tmp_path, is_manual=True)

    assert cast.papers == []
    assert len(cast.left) == 6


def test_a_demo_of_few_missions_has_no_missing_parts(tmp_path: Path) -> None:
    _, cast = _prepared(tmp_path, count=2)

    assert (cast.changed, cast.withdrawn, cast.left) == (None, None, frozenset())
    assert [mission_id for mission_id, _ in cast.papers] == ["FVMA-2025-0002"]


async def test_two_missions_change_once_they_were_sent_and_the_office_returns_its_papers(tmp_path: Path) -> None:
    folder, cast = _prepared(tmp_path)
    office, news = _Office(), list[str]()
    stage = _stage(folder, cast, lambda: _standing(cast, Step.AWAITING_DOCUMENTS), office, news)

    await stage.play()

    assert stage.is_over
    assert office.taken == [(mission_id, kind) for mission_id, _ in cast.papers for kind in DocumentKind]
    store = SqlMissionStore(f"sqlite:///{folder.missions}")
    changed, withdrawn = await store.read([MissionId("FVMA-2025-0005"), MissionId("FVMA-2025-0009")])
    await store.aclose()
    assert (changed.mission_title, withdrawn.status) == ("Tout autre chose", "withdrawn")
    assert len(news) == 12


async def test_nothing_changes_before_it_was_sent(tmp_path: Path) -> None:
    folder, cast = _prepared(tmp_path)
    office, news = _Office(), list[str]()
    stage = _stage(folder, cast, lambda: _standing(cast, Step.TO_INITIALISE), office, news)

    playing = asyncio.create_task(stage.play())
    for _ in range(30):  # a change is written by a thread
        await asyncio.sleep(0.001)
    playing.cancel()

    assert not stage.is_over
    assert (office.taken, news) == ([], [])
