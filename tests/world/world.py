"""The installed command in its world: settings in the environment, everything under one folder."""

import base64
import email
import email.policy
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from pypdf import PdfReader, PdfWriter

from syncd.cli import root
from tests.support.environment import without_settings
from tests.world.missions import Missions, mission
from tests.world.remote import Remote, serve_remote

DATA = Path(__file__).parent.parent / "data"
KEY = base64.b64encode(bytes(range(32))).decode()


@dataclass
class Result:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class World:
    """Everything around one installation."""

    folder: Path
    remote: Remote
    missions: Missions
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def mail_folder(self) -> Path:
        return self.folder / "mail"

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start the command and return it."""
        plain = without_settings()
        return subprocess.Popen(
            [sys.executable, "-m", "syncd", *arguments],
            env=plain | self.environment | environment, cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def syncd(self, *arguments: str, **environment: str) -> Result:
        """Run the command to its end within this process: as `process` does it, without the cost of starting Python."""
        runner = CliRunner()
        unset = dict.fromkeys(name for name in os.environ if name.startswith("SYNCD_"))
        with chdir(self.folder):
            result = runner.invoke(root, arguments, env=unset | self.environment | environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Result(result.exit_code, result.stdout, result.stderr)

    def process(self, *arguments: str, **environment: str) -> Result:
        """Run the command to its end as a process of its own."""
        with self.start(*arguments, **environment) as process:
            try:
                out, err = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Result(process.returncode, out, err)

    def await_file(self, file: Path) -> None:
        """Return once a process has made this file or folder."""
        deadline = time.monotonic() + 20
        while not file.exists():
            assert time.monotonic() < deadline, file
            time.sleep(0.005)

    def await_so(self, is_so: Callable[[], bool]) -> None:
        """Return once something is so."""
        deadline = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def once(self, expect: int = 0, **environment: str) -> Result:
        """Run one pass."""
        result = self.syncd("run", "--once", **environment)
        assert result.code == expect, (result.code, result.out, result.err)
        return result

    def show(self, mission_id: str) -> Any:
        result = self.syncd("show", mission_id, "--json")
        assert result.code == 0, result
        return result.json

    def step(self, mission_id: str) -> str:
        return str(self.show(mission_id)["step"])

    def codes(self, mission_id: str) -> set[str]:
        return {hold["code"] for hold in self.show(mission_id)["holds"]}

    def mails(self) -> list[EmailMessage]:
        files = sorted(self.mail_folder.glob("*.eml")) if self.mail_folder.exists() else []
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]

    def letters(self, mission_id: str) -> Counter[tuple[str, str]]:
        """Return how many mails of which event went to whom, for one mission."""
        return Counter(
            (str(m["X-Syncd-Event"]), str(m["To"])) for m in self.mails() if m["X-Syncd-Mission"] == mission_id
        )


@contextmanager
def make_world(folder: Path) -> Iterator[World]:
    """Make a world in an empty folder."""
    with serve_remote() as remote:
        missions = Missions(folder / "fvma.sqlite3")
        world = World(folder, remote, missions)
        world.environment = {
            "SYNCD_STATE_DIRECTORY": str(folder / "state"),
            "SYNCD_MISSIONS__URL": f"sqlite:///{missions.file}",
            "SYNCD_CACTUS__ADAPTER": "http",
            "SYNCD_CACTUS__BASE_URL": remote.url,
            "SYNCD_CACTUS__TIMEOUT_S": "3",
            "SYNCD_MAIL__ADAPTER": "folder",
            "SYNCD_MAIL__FOLDER": str(world.mail_folder),
            "SYNCD_MAIL__SENDER": "alternance@example.org",
            "SYNCD_MAIL__ADDRESSES__SUPERVISOR": "responsable@example.org",
            "SYNCD_MAIL__ADDRESSES__SECRETARIAT_AIX": "aix@example.org",
            "SYNCD_MAIL__ADDRESSES__SECRETARIAT_MARSEILLE": "marseille@example.org",
            "SYNCD_MAIL__ADDRESSES__CONTINUING_EDUCATION": "sfc@example.org",
            "SYNCD_DOCUMENTS__KEY": KEY,
            "SYNCD_RETRY__FIRST_DELAY_S": "0.05",
            "SYNCD_RETRY__LONGEST_DELAY_S": "0.3",
            "SYNCD_OPS__BIND": "127.0.0.1:0",
            "SYNCD_JOBS__POLL_INTERVAL_S": "0.3",
            "SYNCD_LOGS__FORMAT": "json",
        }
        yield world


@cache
def paper(text: str) -> bytes:
    """Return a small sound PDF that says something."""
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen.canvas import Canvas

    stream = BytesIO()
    canvas = Canvas(stream, pagesize=A4, invariant=1)
    canvas.drawString(72, 700, text)
    canvas.save()
    return stream.getvalue()


@cache
def filled_cerfa(name: str = "cerfa_10103-14.pdf") -> bytes:
    """Return the official form with its text fields filled, as the CFA would."""
    reader = PdfReader(DATA / name)
    writer = PdfWriter(clone_from=reader)
    fields = {key: "Exemple" for key, value in (reader.get_fields() or {}).items() if value.get("/FT") == "/Tx"}
    for page in writer.pages:
        writer.update_page_form_field_values(page, fields, auto_regenerate=False)
    stream = BytesIO()
    writer.write(stream)
    return stream.getvalue()


__all__ = ["World", "filled_cerfa", "make_world", "mission", "paper"]
