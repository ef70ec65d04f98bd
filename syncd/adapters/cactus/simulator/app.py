"""The simulated CACTUS as one web application: the interface for programs and the pages for people."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from syncd.adapters.cactus.simulator.authentication import Anyone, Authentication, Doorkeeper
from syncd.adapters.cactus.simulator.interface import Interface, problem_response
from syncd.adapters.cactus.simulator.pages import Pages, message_page
from syncd.adapters.cactus.simulator.problems import Problem
from syncd.adapters.cactus.simulator.state import Simulator

ANYONE = Anyone()
INTERFACE_PATHS = ("/contracts", "/token")


def create_app(simulator: Simulator, *, authentication: Authentication = ANYONE) -> Starlette:
    """Return the application that serves a simulator.

    `app.state.doorkeeper` withdraws the OAuth2 tokens that it gave.
    """
    doorkeeper = Doorkeeper(authentication)
    interface = Interface(simulator, doorkeeper)
    routes = [*interface.routes(), *Pages(simulator).routes()]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refuse})
    app.state.doorkeeper = doorkeeper
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer programs with a problem and people with a page, where no route says more."""
    status, detail, headers = 500, "Error", None
    if isinstance(error, HTTPException):
        status, detail, headers = error.status_code, error.detail, error.headers
    if request.url.path.startswith(INTERFACE_PATHS):
        response = problem_response(Problem(status, "about:blank", detail, detail))
    else:
        response = message_page(status)
    response.headers.update(headers or {})
    return response
