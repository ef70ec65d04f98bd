"""O01, O02, O05: logs that cannot be written, are not read, or are read by everybody."""

import json
import signal
import time
from typing import Any

import pytest

from tests.faults.operations.processes import service, until
from tests.support.scale import Amount, Figures
from tests.world.remote import Answer, Request
from tests.world.world import KEY, World, filled_cerfa, mission, paper

A = "FVMA-2025-0001"
REDIRECTIONS = {
    "the log's disk is full": "> /dev/full 2>&-",
    "nobody listens any more": ">&- 2>&-",
}


@pytest.mark.parametrize("redirection", REDIRECTIONS.values(), ids=REDIRECTIONS.keys())
def test_o01_a_log_that_cannot_be_written_costs_no_work(world: World, redirection: str) -> None:
    world.missions.put(mission(1), mission(2, company_siret="1"))

    with service(world, redirection, "run", "--once") as process:
        code = process.wait(timeout=30)

    assert code == 0
    assert world.remote.creations() == 1
    assert world.letters(A).total() == 2
    assert (world.step(A), world.step("FVMA-2025-0002")) == ("awaiting_student", "held")


def test_o02_a_service_whose_log_nobody_reads_works_and_ends_in_time(
    world: World, amount: Amount, figures: Figures
) -> None:
    """More is logged than a pipe holds."""
    count = amount(quick=60, deep=400)
    world.missions.put(*(mission(number) for number in range(1, count + 1)))

    no_brakes = {"SYNCD_GUARD__MAX_NEW_CONTRACTS": "0", "SYNCD_GUARD__MAX_MAILS_PER_HOUR": "0"}
    with service(world, "2>/dev/null", "run", **no_brakes) as process:
        until(lambda: world.remote.creations() == count, what="the loop waits for its log")
        until(lambda: len(list(world.mail_folder.glob("*.eml"))) >= 2 * count, what="the letters wait for the log")
        process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        code = process.wait(timeout=15)
        took_s = time.monotonic() - asked
        assert process.stdout is not None
        read = process.stdout.read()

    lines = [json.loads(line) for line in read.splitlines()[:-1]]
    assert code == 0
    assert took_s < 10
    assert len(read) >= 60_000, "the pipe was full"
    assert lines[0]["event"] == "daemon.started"
    figures.note("a log that nobody reads", missions=count, ended_in_s=round(took_s, 2), read_bytes=len(read))


# --------------------------------------------------------------------------------------------------------- O05, I8

PERSONAL = {
    "student_last_name": "Quatrefages", "student_first_name": "Ondine", "student_email": "ondine.q@example.org",
    "student_number": "99417723", "hr_contact_name": "Barnabé Ysaline", "hr_contact_email": "b.ysaline@example.com",
    "mentor_name": "Théophraste Vuibert", "mentor_email": "t.vuibert@example.com",
    "mission_description": "Un secret de fabrication du fromage de Quatrefages, décrit en détail et à mots couverts.",
    "mission_title": "Affinage clandestin",
}  # fmt: skip
SECRETS = ("bearer-token-of-the-test", "ops-token-of-the-test", KEY)


def quote_everything(request: Request, honest: Any) -> Answer:
    """Fail the first time at each question, and quote what was asked in the answer."""
    answer: Answer = honest()
    if request.method == "POST" and request.headers["idempotency-key"] not in _quoted:
        _quoted.add(request.headers["idempotency-key"])
        return Answer.of(500, {"type": "about:blank", "title": "Erreur", "detail": request.body.decode()})
    return answer


_quoted: set[str] = set()


def live_whole(world: World) -> None:
    """Play a whole life, with troubles of every remote, before a daemon that is told of everything."""
    until(lambda: world.remote.creations() == 1 and world.letters(A).total() >= 2)
    world.remote.student_done(A)
    until(lambda: world.letters(A)["student_part.done", PERSONAL["hr_contact_email"]] == 1)
    world.remote.company_done(A)
    world.remote.generate(A, b"%PDF-1.7 Quatrefages, Ondine \xff", paper("convention"))
    until(lambda: bool(world.codes(A) or world.show(A)["next"]))
    world.remote.generate(A, filled_cerfa(), paper("convention"))
    until(lambda: world.step(A) == "done", what=str(world.codes(A)))
    world.missions.change(A, mission_title="Affinage clandestin, suite", student_email="ondine.autre@example.org")
    until(lambda: world.codes(A) == {"MISSION_CHANGED_SINCE_VALIDATION"})


def test_o05_i8_a_whole_life_at_debug_level_names_nobody_and_tells_no_secret(world: World) -> None:
    _quoted.clear()
    world.remote.token, world.remote.trap = SECRETS[0], quote_everything
    world.environment |= {"SYNCD_CACTUS__AUTH": "bearer", "SYNCD_CACTUS__TOKEN": SECRETS[0]}
    told = {
        "SYNCD_LOGS__LEVEL": "debug", "SYNCD_OPS__TOKEN": SECRETS[1],
        "PYTHONASYNCIODEBUG": "1", "PYTHONWARNINGS": "always", "PYTHONDEVMODE": "1",
    }  # fmt: skip
    world.missions.put(mission(1, **PERSONAL), mission(2, **PERSONAL, company_siret="Quatrefages SA"))

    with world.start("run", **told) as process:
        try:
            live_whole(world)
        finally:
            process.terminate()
            out, err = process.communicate(timeout=20)
    world.missions.put(mission(3, **PERSONAL | {"student_number": "99417724"}))
    for_eyes = world.once(SYNCD_LOGS__LEVEL="debug", SYNCD_LOGS__FORMAT="console")
    commands = (("status",), ("list",), ("list", "--json"), ("show", A, "--json"), ("reconcile",), ("guard", "show"))
    shown = [for_eyes, *(world.syncd(*command) for command in commands)]

    everything = out + err + "".join(result.out + result.err for result in shown)
    leaked = [value for value in (*PERSONAL.values(), *SECRETS) if value.lower() in everything.lower()]
    names = [part for part in ("Quatrefages", "Ondine", "Ysaline", "Vuibert", "ondine.autre") if part in everything]
    assert process.returncode == 0
    assert "contract.initialised" in out
    assert len(out) > 3000
    assert (leaked, names) == ([], [])
