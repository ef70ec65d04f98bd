"""An installation for tests of commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An installation in an empty folder."""
    with make_world(tmp_path) as made:
        yield made
