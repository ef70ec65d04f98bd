"""Fixtures of this room."""

import pytest
import respx


@pytest.fixture
def router() -> respx.Router:
    """Return a remote without any route; a test need not use each of those it adds."""
    return respx.Router(assert_all_called=False)
