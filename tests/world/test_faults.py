"""Lost, late and lying answers; wrong settings; a daemon that is stopped."""

import json
import signal
import time

import pytest

from tests.world.remote import Answer
from tests.world.world import World, mission

A = "FVMA-2025-0001"


def passes(world: World, *, until: str = "awaiting_student", most: int = 8) -> None:
    """Run passes until the first mission is there."""
    for _ in range(most):
        world.syncd("run", "--once")
        if world.step(A) == until:
            return
        time.sleep(0.3)
    raise AssertionError(world.show(A))


@pytest.mark.parametrize("is_idempotent", ["true", "false"])
def test_r02_a_lost_answer_makes_one_contract(world: World, is_idempotent: str) -> None:
    world.environment |= {"SYNCD_CACTUS__IDEMPOTENT": is_idempotent, "SYNCD_CACTUS__PROCESSING_TIME_S": "0.2"}
    world.missions.put(mission(1))
    lost: list[object] = []

    def lose(request, honest):  # type: ignore[no-untyped-def]
        answer = honest()
        if request.method == "POST" and not lost:
            lost.append(request)
            return None
        return answer

    world.remote.trap = lose

    passes(world)

    assert world.remote.creations() == 1
    assert world.letters(A)["contract.initialised", "zoe1@example.org"] == 1


def test_r12_a_rate_limit_is_waited_for(world: World) -> None:
    world.missions.put(mission(1), mission(2))
    world.remote.trap = lambda request, honest: (
        Answer.of(429, {"type": "rate"}, **{"Retry-After": "1"}) if request.method == "POST" else honest()
    )

    world.once(expect=3)
    asked = len(world.remote.posts())
    world.remote.trap = None
    time.sleep(1.2)
    passes(world, most=12)

    assert asked <= 2
    assert world.remote.creations() == 2


def test_a_wrong_token_pauses_everything_and_says_so(world: World) -> None:
    world.missions.put(*(mission(number) for number in range(1, 6)))
    world.remote.token = "right"

    result = world.process("run", "--once", SYNCD_CACTUS__AUTH="bearer", SYNCD_CACTUS__TOKEN="wrong-token-value")

    assert result.code == 77
    assert len(world.remote.requests) < 10
    assert "wrong-token-value" not in result.out + result.err
    status = world.syncd("status", "--json").json
    assert status["gates"]["cactus"]["credentials"]
    assert status["steps"]["to_initialise"] == 5


def test_r17_a_redirect_is_not_followed(world: World) -> None:
    world.missions.put(mission(1))
    elsewhere: list[object] = []

    def redirect(request, honest):  # type: ignore[no-untyped-def]
        if request.path.startswith("/elsewhere"):
            elsewhere.append(request)
        if request.method == "POST":
            return Answer(307, b"", {"Location": f"{world.remote.url}/elsewhere"})
        return honest()

    world.remote.trap = redirect

    world.syncd("run", "--once")

    assert elsewhere == []
    assert world.step(A) == "to_initialise"


def test_r09_an_invalid_request_is_held_without_its_values(world: World) -> None:
    world.missions.put(mission(1))
    problem = {"type": "invalid", "errors": [{"field": "student.email", "message": "zoe1@example.org is bad"}]}
    world.remote.trap = lambda request, honest: Answer.of(422, problem) if request.method == "POST" else honest()

    result = world.once()
    shown = world.show(A)
    world.remote.trap = None
    world.missions.change(A, student_email="zoe@example.org")
    world.once()
    world.syncd("release", A)
    world.once()

    assert {h["code"] for h in shown["holds"]} == {"REMOTE_REFUSED"}
    assert "student.email" in shown["holds"][0]["message"]
    assert "zoe1@" not in json.dumps(shown["holds"]) + result.out
    assert world.step(A) == "awaiting_student"


def test_a_contract_that_exists_already_is_adopted_when_it_is_the_same(world: World) -> None:
    world.missions.put(mission(1), mission(2))
    for number, student in ((1, "21000001"), (2, "somebody else")):
        contract_id = world.remote.made_by_hand(student, "13001533200013")
        world.remote.contracts[contract_id]["external_reference"] = f"FVMA-2025-{number:04d}"

    world.once()

    assert world.step(A) == "awaiting_student"
    assert world.codes("FVMA-2025-0002") == {"REMOTE_CONFLICT"}
    assert world.remote.creations() == 2


def test_an_unreachable_store_or_cactus_is_69(world: World) -> None:
    world.missions.put(mission(1))

    store = world.syncd("run", "--once", SYNCD_MISSIONS__URL=f"sqlite:///{world.folder}/none.sqlite3")
    cactus = world.syncd("run", "--once", SYNCD_CACTUS__BASE_URL="http://127.0.0.1:9")

    assert (store.code, cactus.code) == (69, 69), (store, cactus)
    assert not (world.folder / "none.sqlite3").exists()
    assert world.step(A) == "to_initialise"


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"SYNCD_CACTUS__ADAPTER": ""}, "SYNCD_CACTUS__ADAPTER"),
        ({"SYNCD_CACTUS__TIMEOUTS": "3"}, "SYNCD_CACTUS__TIMEOUT_S"),
        ({"SYNCD_DOCUMENTS__KEY": "c2VjcmV0"}, "SYNCD_DOCUMENTS__KEY"),
        ({"SYNCD_MISSIONS__URL": ""}, "SYNCD_MISSIONS__URL"),
        ({"SYNCD_RETRY__FIRST_DELAY_S": "soon"}, "SYNCD_RETRY__FIRST_DELAY_S"),
    ],
)
def test_o04_a_wrong_setting_is_78_and_named(world: World, environment: dict[str, str], told: str) -> None:
    result = world.syncd("run", "--once", **environment)

    assert result.code == 78
    assert told in result.err
    assert "c2VjcmV0" not in result.err


def test_an_unknown_mission_is_4_also_in_json(world: World) -> None:
    world.once()

    results = [
        world.syncd(*command)
        for command in (("show", "X", "--json"), ("resync", "X", "--json"), ("hold", "X", "--reason", "r", "--json"))
    ]

    assert [result.code for result in results] == [4, 4, 4], results
    assert {result.json["error"]["code"] for result in results} == {"nothing_matches"}


def test_plan_shows_what_would_be_done_and_does_nothing(world: World) -> None:
    world.missions.put(mission(1), mission(2, student_email="x"))

    plan = world.syncd("plan", "--json", "--exit-code")
    after = world.syncd("plan", "--json", "--exit-code")
    world.once()
    nothing = world.syncd("plan", "--exit-code")

    assert plan.code == after.code == 5
    planned = {each["mission_id"]: each for each in plan.json["plan"]}
    assert "initialise" in planned[A]["actions"]
    assert planned["FVMA-2025-0002"]["holds"] == ["STUDENT_EMAIL_INVALID"]
    assert nothing.code == 0, nothing
    assert len(world.remote.posts()) == 1


def test_the_daemon_works_says_it_is_ready_and_ends_cleanly(world: World) -> None:
    world.missions.put(mission(1))

    with world.start("run") as daemon:
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and world.remote.creations() == 0:
                time.sleep(0.1)
            world.remote.student_done(A)
            while time.monotonic() < deadline and not world.letters(A)["student_part.done", "rh1@example.com"]:
                time.sleep(0.1)
            daemon.send_signal(signal.SIGTERM)
            asked = time.monotonic()
            out, err = daemon.communicate(timeout=15)
        finally:
            daemon.kill()

    assert daemon.returncode == 0, err
    assert time.monotonic() - asked < 10
    assert world.letters(A)["student_part.done", "rh1@example.com"] == 1
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert events[0]
    assert events[-1] == "daemon.stopped"
    assert "zoe" not in out.lower() + err.lower()
    assert "durand" not in out.lower() + err.lower()


def test_c09_a_second_daemon_on_the_same_file_is_refused(world: World) -> None:
    with world.start("run") as daemon:
        try:
            time.sleep(3)
            second = world.process("run", "--once")
        finally:
            daemon.terminate()
            daemon.communicate(timeout=15)

    assert second.code not in (0, 3)
    assert "another" in second.err.lower() or "running" in second.err.lower(), second.err


def test_right_credentials_are_tried_at_once_by_the_next_pass(world: World) -> None:
    world.environment |= {
        "SYNCD_RETRY__FIRST_DELAY_S": "60", "SYNCD_RETRY__LONGEST_DELAY_S": "3600", "SYNCD_CACTUS__AUTH": "bearer",
    }  # fmt: skip
    world.missions.put(*(mission(number) for number in range(1, 6)))
    world.remote.token = "right"

    world.once(expect=77, SYNCD_CACTUS__TOKEN="wrong")
    world.once(SYNCD_CACTUS__TOKEN="right")

    assert world.remote.creations() == 5
    assert world.step(A) == "awaiting_student"


def test_a_mail_server_that_is_down_loses_no_letter(world: World) -> None:
    world.missions.put(mission(1))
    down = {"SYNCD_MAIL__ADAPTER": "smtp", "SYNCD_MAIL__HOST": "127.0.0.1", "SYNCD_MAIL__PORT": "9"}

    world.once(expect=3, SYNCD_MAIL__SECURITY="none", **down)
    states = {n["state"] for n in world.show(A)["notifications"]}
    time.sleep(0.5)
    world.once()

    assert states == {"queued"}
    assert world.letters(A)["contract.initialised", "zoe1@example.org"] == 1


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.1, 0.2, 0.4])
def test_c04_a_daemon_that_is_stopped_while_it_starts_ends_in_order(world: World, after_s: float) -> None:
    world.missions.put(mission(1))

    with world.start("run") as daemon:
        try:
            world.await_file(world.folder / "state")
            time.sleep(after_s)
            daemon.terminate()
            _, err = daemon.communicate(timeout=12)
        finally:
            daemon.kill()

    assert daemon.returncode == 0, err
