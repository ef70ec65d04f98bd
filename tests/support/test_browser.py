"""The browser fixture keeps its own promises."""

import pytest

from tests.support.browser import open_browser


async def test_a_missing_chromium_fails_and_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(AssertionError, match="install Debian's package `chromium`"):
        async with open_browser():
            pass
