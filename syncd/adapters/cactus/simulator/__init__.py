"""A simulated CACTUS: the interface that syncd expects, and pages where people play every role. No real data."""

from syncd.adapters.cactus.simulator.app import create_app
from syncd.adapters.cactus.simulator.authentication import Anyone, ApiKey, Authentication, BearerToken, OAuthClient
from syncd.adapters.cactus.simulator.contracts import Contract
from syncd.adapters.cactus.simulator.player import Player
from syncd.adapters.cactus.simulator.problems import Declined, Problem
from syncd.adapters.cactus.simulator.server import serve
from syncd.adapters.cactus.simulator.state import Simulator

__all__ = [
    "Anyone", "ApiKey", "Authentication", "BearerToken", "Contract", "Declined", "OAuthClient", "Player", "Problem",
    "Simulator", "create_app", "serve",
]  # fmt: skip
