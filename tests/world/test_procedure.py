"""The whole procedure, seen from outside: both tracks, every moment at which somebody is told something."""

import hashlib
from pathlib import Path

import pytest

from tests.world.world import World, filled_cerfa, mission, paper

A = "FVMA-2025-0001"


def take_to_generated(world: World, mission_id: str, cerfa: bytes, convention: bytes) -> None:
    world.once()
    world.remote.student_done(mission_id)
    world.once()
    world.remote.company_done(mission_id)
    world.once()
    world.remote.generate(mission_id, cerfa, convention)
    world.once()


def test_an_apprenticeship_goes_from_the_mission_to_the_registration(world: World) -> None:
    world.missions.put(mission(1))

    world.once()
    assert world.step(A) == "awaiting_student"
    world.remote.student_done(A)
    world.once()
    assert world.step(A) == "awaiting_company"
    world.remote.company_done(A)
    world.once()
    assert world.step(A) == "awaiting_documents"
    world.remote.generate(A, paper("cerfa"), paper("convention"))
    world.once()

    shown = world.show(A)
    assert shown["step"] == "done"
    assert {d["kind"] for d in shown["documents"]} == {"cerfa", "convention"}
    assert world.letters(A) == {
        ("contract.initialised", "zoe1@example.org"): 1,
        ("contract.initialised", "rh1@example.com"): 1,
        ("student_part.done", "rh1@example.com"): 1,
        ("documents.available", "zoe1@example.org"): 1,
        ("documents.available", "rh1@example.com"): 1,
        ("documents.available", "responsable@example.org"): 1,
        ("registration.requested", "aix@example.org"): 1,
        ("registration.invited", "zoe1@example.org"): 1,
    }
    assert world.remote.creations() == 1


def test_a_request_to_cactus_has_the_contract_s_shape(world: World) -> None:
    world.missions.put(mission(1, training_starts_on=None, training_ends_on=None))

    world.once()

    import json

    body = json.loads(world.remote.posts()[0].body)
    assert body["external_reference"] == A
    assert body["training"] == {
        "programme": "M2 MIAGE ID2I", "level": "M2", "campus": "aix", "starts_on": "2025-09-01",
        "ends_on": "2026-08-31",
    }  # fmt: skip
    assert body["contract"] == {"type": "apprentissage", "starts_on": "2025-09-15", "ends_on": "2026-09-15"}
    assert body["student"]["last_name"] == "Durand-Lefèvre"


def test_m1_registers_from_the_validation_on_and_only_then(world: World) -> None:
    world.missions.put(mission(1, level="M1", programme="M1 MIAGE", campus="marseille"))

    world.once()
    early = world.letters(A)
    take_to_generated(world, A, paper("cerfa"), paper("convention"))

    assert early["registration.requested", "marseille@example.org"] == 1
    assert early["registration.invited", "zoe1@example.org"] == 1
    assert world.letters(A)["registration.requested", "marseille@example.org"] == 1
    assert world.step(A) == "done"


def test_m1_is_told_to_register_even_while_cactus_is_down(world: World) -> None:
    world.missions.put(mission(1, level="M1"))

    world.once(expect=69, SYNCD_CACTUS__BASE_URL="http://127.0.0.1:9")

    assert world.letters(A)["registration.requested", "aix@example.org"] == 1
    assert world.step(A) == "to_initialise"


def test_a_professionalisation_contract_goes_through_the_office(world: World, tmp_path: Path) -> None:
    world.missions.put(mission(1, track="professionnalisation"))
    for name in ("cerfa", "convention"):
        (tmp_path / f"{name}.pdf").write_bytes(paper(name))

    world.once()
    assert world.step(A) == "awaiting_documents"
    assert world.show(A)["cactus"] is None
    for name in ("cerfa", "convention"):
        added = world.syncd("documents", "add", A, "--kind", name, str(tmp_path / f"{name}.pdf"))
        assert added.code == 0, added
    world.once()

    assert world.step(A) == "done"
    assert world.remote.requests == [r for r in world.remote.requests if r.method == "GET"]
    assert world.letters(A) == {
        ("decision.favourable", "zoe1@example.org"): 1,
        ("decision.favourable", "rh1@example.com"): 1,
        ("decision.favourable", "sfc@example.org"): 1,
        ("documents.available", "zoe1@example.org"): 1,
        ("documents.available", "rh1@example.com"): 1,
        ("documents.available", "responsable@example.org"): 1,
        ("registration.requested", "sfc@example.org"): 1,
        ("registration.invited", "zoe1@example.org"): 1,
    }


def test_a_reopened_contract_starts_over_and_registers_once(world: World) -> None:
    world.missions.put(mission(1))
    take_to_generated(world, A, paper("cerfa 1"), paper("convention 1"))

    world.remote.reopen(A)
    world.once()
    reopened = world.show(A)
    world.remote.student_done(A)
    world.remote.company_done(A)
    world.remote.generate(A, paper("cerfa 2"), paper("convention 2"))
    world.once()

    assert reopened["step"] == "awaiting_student"
    assert all(d["superseded"] for d in reopened["documents"])
    shown = world.show(A)
    assert shown["step"] == "done"
    assert {(d["kind"], d["version"], d["superseded"]) for d in shown["documents"]} == {
        ("cerfa", 1, True), ("convention", 1, True), ("cerfa", 2, False), ("convention", 2, False),
    }  # fmt: skip
    letters = world.letters(A)
    assert letters["documents.available", "zoe1@example.org"] == 2
    assert letters["registration.requested", "aix@example.org"] == 1
    assert letters["contract.reopened", "responsable@example.org"] == 1


@pytest.mark.parametrize("form", ["cerfa_10103-12.pdf", "cerfa_10103-14.pdf"])
def test_a_real_filled_form_is_stored_and_exported_as_it_was(world: World, tmp_path: Path, form: str) -> None:
    world.missions.put(mission(1))
    cerfa = filled_cerfa(form)
    take_to_generated(world, A, cerfa, paper("convention"))
    target = tmp_path / "out.pdf"

    exported = world.syncd("documents", "export", A, "--kind", "cerfa", "--output", str(target))

    assert exported.code == 0, exported
    assert target.read_bytes() == cerfa
    stored = [d for d in world.show(A)["documents"] if d["kind"] == "cerfa"]
    assert stored[0]["sha256"] == hashlib.sha256(cerfa).hexdigest()
    assert any(entry["event"] == "document.exported" for entry in world.show(A)["timeline"])
    plain = [file for file in (world.folder / "state").rglob("*") if file.is_file() and b"%PDF-" in file.read_bytes()]
    assert plain == []


def test_resync_of_everything_repeats_nothing(world: World) -> None:
    world.missions.put(mission(1), mission(2, level="M1"), mission(3, track="professionnalisation"))
    world.once()
    before = len(world.mails())

    resynced = world.syncd("resync", "--all", "--yes", "--json")
    world.once()

    assert resynced.json["resynced"] == 3
    assert len(world.mails()) == before
    assert world.remote.creations() == 2


def test_every_mail_says_what_it_is(world: World) -> None:
    world.missions.put(mission(1, level="M1"))

    world.once()

    for message in world.mails():
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["X-Syncd-Mission"] == A
        assert message["Message-ID"]
        assert {part.get_content_type() for part in message.walk() if not part.is_multipart()} == {
            "text/plain", "text/html",
        }  # fmt: skip


def test_where_cactus_serves_no_documents_an_admin_adds_them(world: World, tmp_path: Path) -> None:
    world.environment["SYNCD_CACTUS__DOCUMENTS"] = "false"
    world.missions.put(mission(1))
    take_to_generated(world, A, paper("cerfa"), paper("convention"))
    waiting = world.step(A)
    for name in ("cerfa", "convention"):
        (tmp_path / f"{name}.pdf").write_bytes(paper(name))
        world.syncd("documents", "add", A, "--kind", name, str(tmp_path / f"{name}.pdf"))
    world.once()

    assert waiting == "awaiting_documents"
    assert world.step(A) == "done"
    assert not any("/documents/" in request.path for request in world.remote.requests)
