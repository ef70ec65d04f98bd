"""What an admin types, and what it says."""

import json
from pathlib import Path

import pytest

from tests.world.world import World, mission, paper

A, B, C = "FVMA-2025-0001", "FVMA-2025-0002", "FVMA-2025-0003"


@pytest.fixture
def season(world: World) -> World:
    """Three missions: one waits for its student, one is held, one is professionalisation."""
    world.missions.put(
        mission(1), mission(2, student_email="none", campus="marseille"), mission(3, track="professionnalisation")
    )
    world.once()
    return world


def test_status_says_what_stands_where_and_that_nothing_runs(season: World) -> None:
    told, document = season.syncd("status"), season.syncd("status", "--json").json

    assert told.code == 0
    assert "no service is running" in told.out
    assert "FVMA-2025-0002" in told.out
    assert document["steps"]["awaiting_student"] == document["steps"]["held"] == 1
    assert {"missions", "feed"} <= set(document["flows"])
    assert all(flow["last_success_at"] for flow in document["flows"].values())
    assert [row["mission_id"] for row in document["needs_person"]] == [B]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {A, B, C}),
        (("--held",), {B}),
        (("--step", "awaiting_student"), {A}),
        (("--campus", "marseille"), {B}),
        (("--track", "professionnalisation"), {C}),
        (("--late",), set()),
    ],
)
def test_list_filters(season: World, options: tuple[str, ...], expected: set[str]) -> None:
    listed = season.syncd("list", *options, "--json").json["contracts"]

    assert {row["mission_id"] for row in listed} == expected


def test_a_late_request_comes_first_in_every_list(season: World) -> None:
    season.missions.put(mission(9, submitted_at="2025-09-10T09:00:00Z"))
    season.once()

    listed = season.syncd("list", "--json").json["contracts"]
    late = season.syncd("list", "--late", "--json").json["contracts"]

    assert listed[0]["mission_id"] == "FVMA-2025-0009"
    assert [row["mission_id"] for row in late] == ["FVMA-2025-0009"]


def test_show_tells_people_why_and_what_next(season: World) -> None:
    held = season.syncd("show", B).out
    waiting = season.syncd("show", A).out

    assert "STUDENT_EMAIL_INVALID [student_email] L'adresse de l'étudiant" in held
    assert "CACTUS contract C-00001: initialised" in waiting
    assert "await_student" in waiting
    assert "Mission validée découverte" in waiting


def test_no_command_shows_personal_data_it_need_not(season: World) -> None:
    shown = [season.syncd(*command).out for command in (("show", A), ("show", A, "--json"), ("list",), ("status",))]

    assert not any(secret in text for text in shown for secret in ("Zoé", "Durand", "zoe1@", "rh1@", "Camille"))


def test_mail_is_listed_previewed_and_sent_again_on_demand(season: World, tmp_path: Path) -> None:
    listed = season.syncd("mail", "list", A, "--json").json["letters"]
    preview = season.syncd("mail", "preview", A, "--event", "contract.initialised", "--role", "student")
    written = season.syncd("mail", "preview", A, "--event", "contract.initialised", "--output", str(tmp_path / "m.eml"))
    student = next(letter for letter in listed if letter["role"] == "student")
    again = season.syncd("mail", "resend", str(student["id"]))
    season.once()

    assert {letter["state"] for letter in listed} == {"sent"}
    assert preview.out.startswith("To: zoe1@example.org\nSubject: ")
    assert written.code == again.code == 0
    to_student = [m for m in season.mails() if m["To"] == "zoe1@example.org"]
    assert len(to_student) == 2
    assert len({m["Message-ID"] for m in to_student}) == 2


def test_all_mail_can_be_redirected(world: World) -> None:
    world.missions.put(mission(1))

    world.once(SYNCD_MAIL__REDIRECT_ALL_TO="essai@example.org")

    assert {m["To"] for m in world.mails()} == {"essai@example.org"}
    assert any("zoe1@example.org" in m["Subject"] for m in world.mails())


def test_documents_are_listed_and_never_overwritten_on_export(season: World, tmp_path: Path) -> None:
    file = tmp_path / "cerfa.pdf"
    file.write_bytes(paper("cerfa"))
    season.syncd("documents", "add", C, "--kind", "cerfa", str(file))
    season.syncd("documents", "add", C, "--kind", "cerfa", str(file))

    listed = season.syncd("documents", "list", C, "--json").json["documents"]
    old = season.syncd(
        "documents", "export", C, "--kind", "cerfa", "--version", "1", "--output", str(tmp_path / "1.pdf")
    )
    none = season.syncd("documents", "export", C, "--kind", "convention", "--output", str(tmp_path / "2.pdf"))
    there = season.syncd("documents", "export", C, "--kind", "cerfa", "--output", str(file))
    wrong_track = season.syncd("documents", "add", A, "--kind", "cerfa", str(file))

    assert [(d["version"], d["superseded"]) for d in listed] == [(1, True), (2, False)]
    assert [r.code for r in (old, none, there, wrong_track)] == [0, 4, 1, 2]
    assert (tmp_path / "1.pdf").stat().st_mode & 0o077 == 0


def test_a_file_that_is_no_document_is_not_taken_in(season: World, tmp_path: Path) -> None:
    file = tmp_path / "note.pdf"
    file.write_bytes(b"a note")

    refused = season.syncd("documents", "add", C, "--kind", "cerfa", str(file))

    assert refused.code == 1
    assert "not a sound PDF" in refused.err
    assert season.show(C)["documents"] == []


def test_documents_are_purged_after_their_time_and_the_trail_stays(season: World, tmp_path: Path) -> None:
    file = tmp_path / "cerfa.pdf"
    file.write_bytes(paper("cerfa"))
    season.syncd("documents", "add", C, "--kind", "cerfa", str(file))
    vault = season.folder / "state" / "documents"
    before = len(list(vault.glob("*.bin")))

    due = season.syncd("purge", "--dry-run", "--json", SYNCD_DOCUMENTS__RETENTION_DAYS="1")
    season.missions.change(C, training_ends_on="2025-06-30", contract_ends_on="2025-07-30")
    season.once()
    purged = season.syncd("purge", "--yes", SYNCD_DOCUMENTS__RETENTION_DAYS="1")
    gone = season.syncd("documents", "export", C, "--kind", "cerfa", "--output", str(tmp_path / "gone.pdf"))

    assert due.code == purged.code == 0
    assert (before, len(list(vault.glob("*.bin")))) == (1, 0)
    assert gone.code == 4
    assert any(entry["event"] == "document.purged" for entry in season.show(C)["timeline"])


def test_doctor_finds_what_is_ill(season: World) -> None:
    well = season.syncd("doctor", "--json")
    ill = season.syncd("doctor", SYNCD_CACTUS__BASE_URL="http://127.0.0.1:9", SYNCD_MAIL__ADDRESSES__SUPERVISOR="")

    assert (well.code, well.json["healthy"]) == (0, True), well.json
    assert ill.code == 6
    assert "supervisor" in ill.out


def test_reconcile_names_what_differs(season: World) -> None:
    season.remote.made_by_hand("77", "13001533200013")

    found = season.syncd("reconcile", "--json").json

    assert [d["kind"] for d in found["differences"]] == ["unknown_contract"]
    assert found["store"]["known"] == 3


def test_migrate_can_be_repeated(world: World) -> None:
    assert [world.syncd("migrate").code for _ in range(2)] == [0, 0]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("resync", "--json"), 2),
        (("resync", "--all", "--json"), 2),
        (("show", "NONE", "--json"), 4),
        (("guard", "approve", "--json"), 4),
        (("list", "--step", "nowhere", "--json"), 2),
    ],
)
def test_errors_are_json_where_json_is_asked_for(season: World, command: tuple[str, ...], code: int) -> None:
    result = season.process(*command)

    assert result.code == code, result
    assert set(json.loads(result.out)["error"]) == {"code", "message", "hint"}


def test_resync_asks_the_remote_again(season: World) -> None:
    season.remote.contracts["C-00001"]["status"] = "in_progress"  # and the feed never says so

    dry = season.syncd("resync", A, "--dry-run", "--json")
    season.syncd("resync", A, "--reason", "on m'a dit que")
    season.once()

    assert dry.json == {"resynced": 0, "matching": 1, "dry_run": True}
    assert season.show(A)["cactus"]["status"] == "in_progress"
    assert any(entry["event"] == "contract.resynced" for entry in season.show(A)["timeline"])


def test_cancel_asks_cactus_and_closes(season: World) -> None:
    cancelled = season.syncd("cancel", A, "--reason", "abandon de l'étudiant")
    season.once()

    assert cancelled.code == 0, cancelled
    assert season.remote.of(A)["status"] == "cancelled"
    assert season.step(A) == "closed"


def test_a_signed_contract_cannot_be_cancelled_here(season: World) -> None:
    season.remote.change(A, status="signed")
    season.once(expect=0)

    refused = season.syncd("cancel", A, "--reason", "trop tard")

    assert refused.code == 1
    assert "past cancelling" in refused.err
    assert season.step(A) != "closed"


def test_cancelling_what_somebody_removed_from_cactus_closes_it(season: World) -> None:
    del season.remote.contracts[season.remote.of(A)["contract_id"]]

    cancelled = season.syncd("cancel", A, "--reason", "abandon de l'étudiant")

    assert cancelled.code == 0, cancelled
    assert season.step(A) == "closed"


def test_a_decided_professionalisation_contract_is_not_linked_to_cactus(season: World) -> None:
    season.missions.put(mission(7, track="professionnalisation"))
    season.once()

    refused = season.syncd("adopt", "FVMA-2025-0007", season.remote.of(A)["contract_id"])

    assert refused.code == 1
    assert "professionalisation" in refused.err
    assert "syncd documents add" in refused.err
