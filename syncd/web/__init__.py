"""The pages for operation: is it alive, is it ready, its metrics, and its state for people. Read-only."""

from syncd.web.health import Health
from syncd.web.server import serve_ops

__all__ = ["Health", "serve_ops"]
