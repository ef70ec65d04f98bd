"""Everything around syncd that survives its death: CACTUS, the mail server, the mission store, and people.

People act on letters and on nothing else: a student fills the form once told of it, a company once told that it is its
turn; then the CFA generates. A notification that is lost stops the life of its contract.
"""

import json
import socket
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from email.message import Message
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import trustme

from tests.faults.crash.post_box import PostBox, serve_post_box
from tests.world.missions import Missions, mission
from tests.world.remote import Answer, Json, Remote, Request, serve_remote
from tests.world.world import KEY, paper

MASTER, FIRST_YEAR, PROFESSIONAL = (f"FVMA-2025-{number:04d}" for number in (1, 2, 3))
APPRENTICES = (MASTER, FIRST_YEAR)
MISSIONS = (*APPRENTICES, PROFESSIONAL)
SECRET_KEY = b64decode(KEY)
EXPECTED = {
    (MASTER, "contract.initialised", "zoe1@example.org"),
    (MASTER, "contract.initialised", "rh1@example.com"),
    (MASTER, "student_part.done", "rh1@example.com"),
    (MASTER, "documents.available", "responsable@example.org"),
    (MASTER, "registration.requested", "aix@example.org"),
    (FIRST_YEAR, "registration.requested", "marseille@example.org"),
    (FIRST_YEAR, "contract.initialised", "zoe2@example.org"),
    (FIRST_YEAR, "contract.initialised", "rh2@example.com"),
    (FIRST_YEAR, "student_part.done", "rh2@example.com"),
    (FIRST_YEAR, "documents.available", "responsable@example.org"),
    (PROFESSIONAL, "decision.favourable", "zoe3@example.org"),
    (PROFESSIONAL, "documents.available", "responsable@example.org"),
    (PROFESSIONAL, "registration.requested", "sfc@example.org"),
}
"""Who is told of what in a whole life."""


_FEW_LETTERS = """
[[recipients]]
event = "contract.initialised"
to = ["student", "hr_contact"]
[[recipients]]
event = "decision.favourable"
to = ["student"]
[[recipients]]
event = "student_part.done"
to = ["hr_contact"]
[[recipients]]
event = "documents.available"
to = ["supervisor"]
[[recipients]]
event = "registration.requested"
to = ["secretariat"]
tracks = ["apprentissage"]
levels = ["M1"]
moment = "validation"
[[recipients]]
event = "registration.requested"
to = ["secretariat"]
tracks = ["apprentissage"]
moment = "documents"
[[recipients]]
event = "registration.requested"
to = ["continuing_education"]
tracks = ["professionnalisation"]
moment = "documents"
[[recipients]]
event = "registration.invited"
to = []
"""
"""Who is told of what, at every moment of a life but not by everybody: each letter costs two hundred deaths."""


Memories = tuple[tuple[Any, ...], list[Message]]


class Memory(StrEnum):
    """What CACTUS remembers of a request that comes again."""

    KEYS = "keys"
    """A key that it knows gets the contract of the first time; another key makes another contract."""
    NOTHING = "nothing"
    """Each request makes a contract: who asks twice has two."""


@dataclass
class Town:
    """The world of one installation; `put_back` makes it young again."""

    folder: Path
    remote: Remote
    box: PostBox
    missions: Missions
    memory: Memory
    asked: dict[str, set[str]] = field(default_factory=dict)
    """Under which keys each mission's contract was asked for."""

    def save(self) -> Memories:
        """Return everything that anybody here remembers."""
        remote = self.remote
        with remote.lock:
            kept = (remote.contracts, remote.keys, remote.feed, remote.papers, remote.now, self.asked)
            return deepcopy(kept), list(self.box.letters)

    def put_back(self, memories: Memories) -> None:
        """Make everybody remember this, and nothing else."""
        kept, letters = memories
        remote = self.remote
        with remote.lock:
            remote.contracts, remote.keys, remote.feed, remote.papers, remote.now, self.asked = deepcopy(kept)
            self.box.letters = list(letters)
            remote.requests.clear()

    def creations(self) -> Counter[str]:
        """Return how many contracts CACTUS has for each mission."""
        with self.remote.lock:
            return Counter(str(contract["external_reference"]) for contract in self.remote.contracts.values())

    def settle_down(self) -> None:
        """Return once whatever a dead process had sent has come to its end here.

        Servers take visitors in the order in which they came: when one more of our own has been seen off, nobody
        waits at the door.
        """
        for port in (urlsplit(self.remote.url).port, self.box.port):
            with socket.create_connection(("127.0.0.1", port or 0)) as visit:
                visit.shutdown(socket.SHUT_WR)
                while visit.recv(1000):
                    pass
        while self.remote.visitors or self.box.visitors:
            time.sleep(0.0005)

    def _answer(self, request: Request, honest: Callable[[], Answer]) -> Answer:
        if request.method == "GET" and request.path == "/contracts" and "external_reference" not in request.query:
            self._let_people_act()
        if request.method == "POST" and request.path == "/contracts":
            return self._create(request, honest)
        return honest()

    def _create(self, request: Request, honest: Callable[[], Answer]) -> Answer:
        key, body = request.headers["idempotency-key"], json.loads(request.body)
        with self.remote.lock:
            self.asked.setdefault(str(body["external_reference"]), set()).add(key)
            if self.memory is Memory.KEYS and key in self.remote.keys:
                return honest()
            contract = self.remote._create(body, body["student"]["number"], body["company"]["siret"])
            self.remote.keys[key] = (request.body, contract["contract_id"])
            return Answer.of(201, contract)

    def _let_people_act(self) -> None:
        told = {told[:2] for told in self.box.told()}
        with self.remote.lock:
            for contract in list(self.remote.contracts.values()):
                self._act(contract, told)

    def _act(self, contract: Json, told: set[tuple[str, str]]) -> None:
        mission_id, status = str(contract["external_reference"]), contract["status"]
        if status == "initialised" and (mission_id, "contract.initialised") in told:
            self.remote.student_done(mission_id)
        elif status == "in_progress" and (mission_id, "student_part.done") in told:
            self.remote.company_done(mission_id)
            self.remote.generate(mission_id, *papers_of(mission_id))


def papers_of(mission_id: str) -> tuple[bytes, bytes]:
    """Return the Cerfa and the convention of a mission."""
    return paper(f"Cerfa {mission_id}"), paper(f"Convention {mission_id}")


@contextmanager
def build_town(folder: Path, memory: Memory) -> Iterator[Town]:
    """Build a town with three missions: two apprentices, one of them in M1, and one professionalisation contract."""
    missions = Missions(folder / "fvma.sqlite3")
    missions.put(
        mission(1),
        mission(2, level="M1", programme="M1 MIAGE", campus="marseille"),
        mission(3, track="professionnalisation"),
    )
    (folder / "syncd.toml").write_text(_FEW_LETTERS)
    trustme.CA().cert_pem.write_to_path(str(folder / "ca.pem"))
    for name, content in zip(("cerfa.pdf", "convention.pdf"), papers_of(PROFESSIONAL), strict=True):
        (folder / name).write_bytes(content)
    with serve_remote() as remote, serve_post_box() as box:
        town = Town(folder, remote, box, missions, memory)
        remote.trap = town._answer
        yield town


def environment_of(town: Town, database_url: str, state: Path) -> dict[str, str]:
    """Return the settings of an installation in this town: as usual, but nobody is ever kept waiting for long."""
    addresses = {
        "SUPERVISOR": "responsable", "SECRETARIAT_AIX": "aix", "SECRETARIAT_MARSEILLE": "marseille",
        "CONTINUING_EDUCATION": "sfc",
    }  # fmt: skip
    return {
        "SYNCD_CONFIG": str(town.folder / "syncd.toml"),
        "SYNCD_STATE_DIRECTORY": str(state),
        "SYNCD_DATABASE__URL": database_url,
        "SYNCD_MISSIONS__URL": f"sqlite:///{town.folder / 'fvma.sqlite3'}",
        "SYNCD_MISSIONS__OVERLAP_S": "0",
        "SYNCD_CACTUS__ADAPTER": "http",
        "SYNCD_CACTUS__BASE_URL": town.remote.url,
        "SYNCD_CACTUS__CA_FILE": str(town.folder / "ca.pem"),
        "SYNCD_CACTUS__IDEMPOTENT": str(town.memory is Memory.KEYS).lower(),
        "SYNCD_CACTUS__PROCESSING_TIME_S": "0.2",
        "SYNCD_MAIL__ADAPTER": "smtp",
        "SYNCD_MAIL__HOST": "127.0.0.1",
        "SYNCD_MAIL__PORT": str(town.box.port),
        "SYNCD_MAIL__SECURITY": "none",
        "SYNCD_MAIL__SENDER": "alternance@example.org",
        "SYNCD_RETRY__FIRST_DELAY_S": "0.1",
        "SYNCD_RETRY__LONGEST_DELAY_S": "0.2",
        "SYNCD_GUARD__MAX_MAILS_PER_HOUR": "0",
        "SYNCD_JOBS__LEASE_S": "600",
        "SYNCD_DOCUMENTS__KEY": KEY,
        **{f"SYNCD_MAIL__ADDRESSES__{name}": f"{who}@example.org" for name, who in addresses.items()},
    }  # fmt: skip
