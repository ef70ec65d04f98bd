"""The programming interface of the simulated CACTUS (interfaces, section 2)."""

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from syncd.adapters.cactus.simulator.answers import Answers
from syncd.adapters.cactus.simulator.authentication import Doorkeeper
from syncd.adapters.cactus.simulator.contracts import Contract
from syncd.adapters.cactus.simulator.problems import FieldError, Problem, bad_request, invalid
from syncd.adapters.cactus.simulator.state import Simulator

Handler = Callable[[Request], Awaitable[Response]]

LARGEST_BODY = 1_048_576
LONGEST_PAGE = 1_000


class Interface:
    """Answers programs. Every refusal is a problem document."""

    def __init__(self, simulator: Simulator, doorkeeper: Doorkeeper) -> None:
        self._simulator = simulator
        self._doorkeeper = doorkeeper
        self._answers = Answers()

    def routes(self) -> list[Route]:
        """Return the paths of the interface."""
        one = "/contracts/{contract_id}"
        return [
            Route("/contracts", self._guarded(self._list), methods=["GET"]),
            Route("/contracts", self._guarded(self._create), methods=["POST"]),
            Route(one, self._guarded(self._read), methods=["GET"]),
            Route(f"{one}/documents/{{kind}}", self._guarded(self._document), methods=["GET"]),
            Route(f"{one}/cancellation", self._guarded(self._cancel), methods=["POST"]),
            Route("/token", self._token, methods=["POST"]),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        return partial(self._answer, handler)

    async def _answer(self, handler: Handler, request: Request) -> Response:
        try:
            self._admit(request)
            response = await handler(request)
        except Problem as problem:
            return problem_response(problem, self._simulator.faults.retry_after_s)
        if request.method == "POST" and self._simulator.faults.takes_answer():
            return _CutResponse(response.body)
        return response

    def _admit(self, request: Request) -> None:
        if self._simulator.faults.is_unavailable:
            raise Problem(503, "unavailable", "Unavailable", "The service is down for a while.")
        if not self._doorkeeper.admits(request.headers, self._simulator.clock.now()):
            raise Problem(401, "unauthorized", "Unauthorized", "The credentials are missing or wrong.")

    async def _create(self, request: Request) -> Response:
        created = self._simulator.initialise(await _json(request), key=request.headers.get("idempotency-key"))
        return self._contract(request, created.contract, status=201 if created.is_new else 200)

    async def _read(self, request: Request) -> Response:
        contract = self._simulator.read(request.path_params["contract_id"])
        if _matches(request.headers.get("if-none-match"), contract.etag):
            return Response(status_code=304, headers={"ETag": contract.etag})
        return self._contract(request, contract)

    async def _list(self, request: Request) -> Response:
        asked = request.query_params
        if "external_reference" in asked:
            found = self._simulator.find(asked["external_reference"])
            return self._contracts(request, (found,) if found is not None else (), None, has_more=False)
        page = self._simulator.changes(asked.get("after") or None, limit=_limit(asked))
        return self._contracts(request, page.contracts, page.next_cursor, has_more=page.has_more)

    async def _document(self, request: Request) -> Response:
        named = request.path_params
        version = _version(request.query_params.get("version"))
        paper = self._simulator.document(named["contract_id"], named["kind"], version)
        return Response(paper.content, media_type="application/pdf", headers={"ETag": f'"{paper.sha256}"'})

    async def _cancel(self, request: Request) -> Response:
        document = await _json(request)
        reason = document.get("reason") if isinstance(document, Mapping) else None
        if not isinstance(reason, str) or not reason.strip():
            raise invalid([FieldError(field="reason", message="Ce champ est obligatoire.")])
        return self._contract(request, self._simulator.request_cancellation(request.path_params["contract_id"], reason))

    async def _token(self, request: Request) -> Response:
        asked = dict(parse_qsl((await request.body()).decode("ascii", "replace")))
        if asked.get("grant_type") != "client_credentials":
            return _token_response(400, {"error": "unsupported_grant_type"})
        given = self._doorkeeper.gives_token(request.headers, self._simulator.clock.now())
        if given is None:
            return _token_response(401, {"error": "invalid_client"})
        token, lifetime = given
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": int(lifetime.total_seconds())}
        return _token_response(200, answer)

    def _contract(self, request: Request, contract: Contract, *, status: int = 200) -> Response:
        text = self._answers.write(contract, self._base_url(request))
        return Response(text, status_code=status, media_type="application/json", headers={"ETag": contract.etag})

    def _contracts(
        self, request: Request, contracts: tuple[Contract, ...], next_cursor: str | None, *, has_more: bool
    ) -> Response:
        text = self._answers.write_list(contracts, self._base_url(request), next_cursor=next_cursor, has_more=has_more)
        return Response(text, media_type="application/json")

    def _base_url(self, request: Request) -> str:
        if self._simulator.base_url is not None:
            return self._simulator.base_url.rstrip("/")
        return f"{request.scope.get('scheme', 'http')}://{request.headers.get('host', 'localhost')}"


class _CutResponse(Response):
    """Announces the whole answer and breaks the connection in the middle of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body[:10], "more_body": True})


def problem_response(problem: Problem, retry_after_s: int | None = None) -> Response:
    """Return a problem as an answer."""
    headers = {}
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="CACTUS"'
    if problem.status == 503 and retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    text = json.dumps(problem.document(), ensure_ascii=False)
    return Response(text, status_code=problem.status, media_type="application/problem+json", headers=headers)


def _token_response(status: int, answer: Mapping[str, object]) -> Response:
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="CACTUS"'
    return Response(json.dumps(answer), status_code=status, media_type="application/json", headers=headers)


async def _json(request: Request) -> object:
    text = await request.body()
    if len(text) > LARGEST_BODY:
        raise Problem(413, "too-large", "Too large", "The body is larger than one mebibyte.")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise bad_request("The body is not JSON.") from error


def _matches(if_none_match: str | None, etag: str) -> bool:
    if if_none_match is None:
        return False
    named = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in named or "*" in named


def _limit(asked: Mapping[str, str]) -> int:
    text = asked.get("limit", "100")
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:10]) <= LONGEST_PAGE:
        raise bad_request(f"`limit` is a number from 1 to {LONGEST_PAGE}.")
    return int(text)


def _version(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise bad_request("`version` is a number from 1 on.")
    return int(text)
