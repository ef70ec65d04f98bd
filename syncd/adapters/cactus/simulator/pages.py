"""Pages where a person plays the student, the company and the CFA. In French, without a script or a remote resource."""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from syncd.adapters.cactus.simulator.acts import ACTS, ACTS_BY_NAME, Wish
from syncd.adapters.cactus.simulator.contracts import Contract
from syncd.adapters.cactus.simulator.forms import FORMS, Side, faults_of, invented_answers, read_answers
from syncd.adapters.cactus.simulator.hands import CAN_BE_FILLED
from syncd.adapters.cactus.simulator.problems import Declined, Problem
from syncd.adapters.cactus.simulator.rendering import ROOM, page_response, render
from syncd.adapters.cactus.simulator.state import Simulator
from syncd.adapters.cactus.simulator.vocabulary import STATUS_WORDS

Handler = Callable[[Request], Awaitable[Response]]

CONTRACTS_PER_PAGE = 50
PATHS: dict[Side, str] = {"student": "etudiant", "company": "entreprise"}
DONE = {"saved": "Vos réponses sont enregistrées. Vous pouvez revenir les compléter.",
        "finished": "Votre partie est terminée. Merci !",
        "faults": "Les pannes simulées sont réglées.",
        **{act.name: act.done for act in ACTS}}  # fmt: skip
LARGEST_FORM = 65_536


class Pages:
    """Answers people. Every form is answered by a redirection, so that going back never sends it twice."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._style = (ROOM / "style.css").read_bytes()

    def routes(self) -> list[Route]:
        """Return the paths of the pages."""
        student, company = (partial(self._part, side) for side in FORMS)
        fill_student, fill_company = (partial(self._fill_part, side) for side in FORMS)
        return [
            Route("/", _guarded(self._home)),
            Route("/style.css", self._style_sheet),
            Route("/cfa", _guarded(self._list)),
            Route("/cfa/pannes", _guarded(self._set_faults), methods=["POST"]),
            Route("/cfa/{contract_id}", _guarded(self._contract), methods=["GET"]),
            Route("/cfa/{contract_id}", _guarded(self._act), methods=["POST"]),
            Route("/etudiant/{contract_id}", _guarded(student), methods=["GET"]),
            Route("/etudiant/{contract_id}", _guarded(fill_student), methods=["POST"]),
            Route("/entreprise/{contract_id}", _guarded(company), methods=["GET"]),
            Route("/entreprise/{contract_id}", _guarded(fill_company), methods=["POST"]),
            Route("/pieces/{contract_id}/{kind}/{version:int}", _guarded(self._paper)),
        ]

    async def _home(self, _: Request) -> Response:
        contracts = self._simulator.contracts()
        return page_response(render("home.html", count=len(contracts), newest=tuple(reversed(contracts[-5:]))))

    async def _style_sheet(self, _: Request) -> Response:
        return Response(self._style, media_type="text/css", headers={"Cache-Control": "max-age=300"})

    async def _list(self, request: Request) -> Response:
        contracts = tuple(reversed(self._simulator.contracts()))
        status = request.query_params.get("statut", "")
        chosen = tuple(contract for contract in contracts if status in ("", contract.status))
        pages = max(1, -(-len(chosen) // CONTRACTS_PER_PAGE))
        page = min(_number(request.query_params.get("page", "1")), pages)
        shown = chosen[(page - 1) * CONTRACTS_PER_PAGE : page * CONTRACTS_PER_PAGE]
        counts = Counter(contract.status for contract in contracts)
        return page_response(
            render(
                "cfa.html", contracts=shown, total=len(contracts), status=status, page=page, pages=pages,
                counts={word: counts[word] for word in (*STATUS_WORDS, *(counts.keys() - STATUS_WORDS.keys()))
                        if counts[word]},
                faults=self._simulator.faults, done=_done(request),
            )
        )  # fmt: skip

    async def _contract(self, request: Request) -> Response:
        return self._contract_page(self._read(request), done=_done(request))

    def _contract_page(self, contract: Contract, *, done: str = "", fault: str = "", status: int = 200) -> Response:
        acts = tuple(act for act in ACTS if act.is_possible(contract))
        return page_response(render("contract.html", contract=contract, acts=acts, done=done, fault=fault), status)

    async def _act(self, request: Request) -> Response:
        contract = self._read(request)
        sent = await _form(request)
        act = ACTS_BY_NAME.get(sent.get("act", ""))
        if act is None:
            return self._contract_page(contract, fault="Cette action n’existe pas.", status=422)
        wish = Wish(reason=sent.get("reason", "").strip(), student="student" in sent, company="company" in sent)
        try:
            act.perform(self._simulator, contract.contract_id, wish)
        except Declined as declined:
            return self._contract_page(contract, fault=declined.sentence, status=422)
        return _see(f"/cfa/{contract.contract_id}?fait={act.name}")

    async def _part(self, side: Side, request: Request) -> Response:
        contract = self._read(request)
        typed = (contract.student if side == "student" else contract.company).typed
        answers = invented_answers(side, contract) if "exemple" in request.query_params else typed
        return _part_page(side, contract, answers, done=_done(request))

    async def _fill_part(self, side: Side, request: Request) -> Response:
        contract = self._read(request)
        sent = await _form(request)
        answers = read_answers(side, sent)
        is_finished = sent.get("act") == "finish"
        faults = faults_of(side, answers) if is_finished else {}
        if faults:
            return _part_page(side, contract, answers, faults=faults, status=422)
        try:
            self._keep_part(side, contract, answers, is_finished=is_finished)
        except Declined as declined:
            return _part_page(side, contract, answers, fault=declined.sentence, status=409)
        return _see(f"/{PATHS[side]}/{contract.contract_id}?fait={'finished' if is_finished else 'saved'}")

    def _keep_part(self, side: Side, contract: Contract, answers: dict[str, str], *, is_finished: bool) -> None:
        play = self._simulator
        if side == "student":
            (play.fill_student if is_finished else play.start_student)(contract.contract_id, answers)
        else:
            (play.fill_company if is_finished else play.start_company)(contract.contract_id, answers)

    async def _set_faults(self, request: Request) -> Response:
        sent = await _form(request)
        self._simulator.faults.answers_to_lose = 1 if "lose_answer" in sent else 0
        self._simulator.faults.is_unavailable = "unavailable" in sent
        return _see("/cfa?fait=faults")

    async def _paper(self, request: Request) -> Response:
        named = request.path_params
        paper = self._simulator.document(named["contract_id"], named["kind"], named["version"])
        name = f"{paper.kind}-{named['contract_id']}-v{paper.version}.pdf"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return Response(paper.content, media_type="application/pdf", headers=headers)

    def _read(self, request: Request) -> Contract:
        return self._simulator.read(request.path_params["contract_id"])


def message_page(status: int) -> Response:
    """Return a page that says in French why there is nothing else to see."""
    sentence = {
        403: "Cette action ne vient pas d’une page du simulateur.",
        404: "Cette page ou ce contrat n’existe pas. Les contrats disparaissent quand le simulateur s’arrête.",
        405: "Cette adresse ne s’ouvre pas de cette façon.",
    }.get(status, f"La demande n’a pas abouti ({HTTPStatus(status).phrase}).")
    return page_response(render("message.html", sentence=sentence), status)


def _part_page(
    side: Side,
    contract: Contract,
    answers: object,
    *,
    faults: dict[str, str] | None = None,
    fault: str = "",
    done: str = "",
    status: int = 200,
) -> Response:
    part = contract.student if side == "student" else contract.company
    is_open = contract.status in CAN_BE_FILLED and not part.is_done
    text = render(
        "part.html", side=side, contract=contract, part=part, chapters=FORMS[side], answers=answers, is_open=is_open,
        faults=faults or {}, fault=fault, done=done,
    )  # fmt: skip
    return page_response(text, status)


def _guarded(handler: Handler) -> Handler:
    return partial(_answer, handler)


async def _answer(handler: Handler, request: Request) -> Response:
    if request.method == "POST" and _is_foreign(request):
        return message_page(403)
    try:
        return await handler(request)
    except Problem as problem:
        return message_page(problem.status)


def _is_foreign(request: Request) -> bool:
    """Whether a browser says that another site's page sent this form."""
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


async def _form(request: Request) -> dict[str, str]:
    text = await request.body()
    if len(text) > LARGEST_FORM:
        raise Problem(413, "too-large", "Too large", "The form is larger than 64 KiB.")
    return dict(parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True))


def _see(path: str) -> Response:
    return RedirectResponse(path, status_code=303)


def _done(request: Request) -> str:
    return DONE.get(request.query_params.get("fait", ""), "")


def _number(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < 8 else 1
