"""The demo empties its own folder and no other."""

from pathlib import Path

import pytest

from syncd.demo.folder import DemoFolder, DemoRefused


def _folder(root: Path) -> DemoFolder:
    return DemoFolder(root=root)


def test_a_new_folder_is_made_and_stays(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "deep" / "demo")

    with folder.occupied():
        (folder.mail / "a.eml").write_text("x")

    assert folder.count_letters() == 1


def test_the_next_demo_begins_with_an_empty_folder(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "demo")
    with folder.occupied():
        (folder.state / "syncd.sqlite3").write_text("x")
        folder.config.write_text("x")

    with folder.occupied():
        assert not folder.config.exists()
        assert list(folder.state.iterdir()) == []


def test_a_folder_with_files_of_others_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(DemoRefused, match="no demo wrote"), _folder(tmp_path).occupied():
        pass

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_what_a_link_leads_to_is_not_touched(tmp_path: Path) -> None:
    folder, elsewhere = _folder(tmp_path / "demo"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("x")
    with folder.occupied():
        (folder.root / "link").symlink_to(elsewhere)

    with folder.occupied():
        assert not (folder.root / "link").exists()

    assert (elsewhere / "kept").exists()


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with _folder(tmp_path / "demo").occupied() as _:
        (tmp_path / "demo" / "mail" / "a.eml").write_text("x")

        with pytest.raises(DemoRefused, match="runs in"), _folder(tmp_path / "demo").occupied():
            pass

        assert _folder(tmp_path / "demo").count_letters() == 1


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("x")

    with pytest.raises(DemoRefused, match="cannot be a folder"), _folder(tmp_path / "demo").occupied():
        pass
