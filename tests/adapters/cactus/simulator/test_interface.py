"""The interface for programs, request by request (interfaces, section 2)."""

import hashlib
from datetime import datetime

import httpx
import pytest

from syncd.adapters.cactus.simulator import Simulator, create_app
from tests.adapters.cactus.simulator.samples import a_body, a_contract, a_generated_contract
from tests.support.clock import TickingClock

Client = httpx.AsyncClient


async def _post(client: Client, body: object, key: str = "k1") -> httpx.Response:
    return await client.post("/contracts", json=body, headers={"Idempotency-Key": key})


def _is_problem(response: httpx.Response, status: int, kind: str) -> bool:
    problem = response.json()
    return (
        response.status_code == problem["status"] == status
        and response.headers["content-type"] == "application/problem+json"
        and problem["type"] == kind
        and {"title", "detail"} <= problem.keys()
    )


async def test_a_body_becomes_a_contract_with_everything_the_interface_names(client: Client) -> None:
    response = await _post(client, a_body())

    contract = response.json()
    assert response.status_code == 201
    assert response.headers["etag"]
    assert contract == {
        "contract_id": contract["contract_id"],
        "external_reference": "FVMA-2025-0042",
        "status": "initialised",
        "student_part": {"state": "todo", "done_at": None},
        "company_part": {"state": "todo", "done_at": None},
        "documents": [],
        "generated_at": None,
        "updated_at": contract["updated_at"],
        "student_url": f"http://cactus.example.org/etudiant/{contract['contract_id']}",
        "company_url": f"http://cactus.example.org/entreprise/{contract['contract_id']}",
        "rejection_reason": None,
        "student": {"number": "22100042"},
        "company": {"siret": "12345678200010"},
    }
    assert datetime.fromisoformat(contract["updated_at"]).tzinfo is not None


async def test_the_same_key_and_body_again_is_the_same_contract_as_it_is_now(
    client: Client, simulator: Simulator
) -> None:
    first = (await _post(client, a_body())).json()
    simulator.fill_student(first["contract_id"])

    again = await _post(client, a_body())

    assert again.status_code == 200
    assert again.json()["contract_id"] == first["contract_id"]
    assert again.json()["status"] == "in_progress"
    assert len(simulator.contracts()) == 1


async def test_a_body_is_the_same_whatever_the_order_of_its_members(client: Client) -> None:
    await _post(client, a_body())

    again = await _post(client, dict(reversed(a_body().items())))

    assert again.status_code == 200


async def test_the_same_key_with_another_body_is_refused(client: Client, simulator: Simulator) -> None:
    await _post(client, a_body())

    other = await _post(client, a_body("FVMA-2025-0043"))

    assert _is_problem(other, 422, "key-reused")
    assert len(simulator.contracts()) == 1


async def test_another_key_for_a_known_reference_names_the_contract_in_the_way(client: Client) -> None:
    first = (await _post(client, a_body())).json()

    second = await _post(client, a_body(), key="k2")

    assert _is_problem(second, 409, "reference-exists")
    assert second.json()["contract_id"] == first["contract_id"]


async def test_a_remote_without_keys_knows_a_repeated_request_by_its_reference_only() -> None:
    simulator = Simulator(TickingClock(), honours_keys=False)
    transport = httpx.ASGITransport(app=create_app(simulator))
    async with Client(transport=transport, base_url="http://cactus.example.org") as client:
        await _post(client, a_body())

        again = await _post(client, a_body())

    assert _is_problem(again, 409, "reference-exists")


async def test_a_bad_body_is_told_all_its_faults_at_once_and_none_of_its_values(client: Client) -> None:
    body = a_body(
        student={"email": "elise.example.org"}, company={"siret": "12345678200011"}, contract={"ends_on": None}
    )

    response = await _post(client, body)

    assert _is_problem(response, 422, "invalid")
    errors = {error["field"]: error["message"] for error in response.json()["errors"]}
    assert errors.keys() == {"student.email", "company.siret", "contract.ends_on"}
    assert all(errors.values())
    assert "elise" not in response.text
    assert "12345678200011" not in response.text


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000], ids=["empty", "cut", "deep"])
async def test_a_body_that_is_not_json_is_a_bad_request(client: Client, body: bytes) -> None:
    response = await client.post("/contracts", content=body)

    assert _is_problem(response, 400, "bad-request")


async def test_a_huge_body_is_refused(client: Client) -> None:
    response = await client.post("/contracts", content=b" " * 1_048_577)

    assert _is_problem(response, 413, "too-large")


async def test_a_refused_body_does_not_use_up_its_key(client: Client) -> None:
    await _post(client, a_body(company={"siret": "0"}))

    mended = await _post(client, a_body())

    assert mended.status_code == 201


async def test_a_reference_finds_one_contract_or_none(client: Client, simulator: Simulator) -> None:
    contract = a_contract(simulator)

    found = await client.get("/contracts", params={"external_reference": "FVMA-2025-0042"})
    none = await client.get("/contracts", params={"external_reference": "FVMA-2025-9999"})

    assert [item["contract_id"] for item in found.json()["items"]] == [contract.contract_id]
    assert {**found.json(), "items": []} == none.json() == {"items": [], "next_cursor": None, "has_more": False}


async def test_a_contract_that_has_not_changed_is_not_sent_again(client: Client, simulator: Simulator) -> None:
    path = f"/contracts/{a_contract(simulator).contract_id}"
    etag = (await client.get(path)).headers["etag"]

    same = await client.get(path, headers={"If-None-Match": f'"other", W/{etag}'})
    simulator.fill_student(path.rpartition("/")[2])
    changed = await client.get(path, headers={"If-None-Match": etag})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


async def test_an_unknown_contract_is_a_problem(client: Client) -> None:
    for path in ("/contracts/none", "/contracts/none/documents/cerfa"):
        assert _is_problem(await client.get(path), 404, "not-found")
    assert _is_problem(await client.post("/contracts/none/cancellation", json={"reason": "R"}), 404, "not-found")


async def test_an_unknown_path_or_method_of_the_interface_is_a_problem(client: Client) -> None:
    assert _is_problem(await client.get("/contracts/a/b/c/d"), 404, "about:blank")
    wrong_method = await client.delete("/contracts")

    assert _is_problem(wrong_method, 405, "about:blank")
    assert wrong_method.headers["allow"]


async def test_documents_are_the_bytes_that_the_contract_announces(client: Client, simulator: Simulator) -> None:
    contract_id = a_generated_contract(simulator).contract_id
    announced = (await client.get(f"/contracts/{contract_id}")).json()["documents"]

    assert [(document["kind"], document["version"]) for document in announced] == [("cerfa", 1), ("convention", 1)]
    for document in announced:
        response = await client.get(f"/contracts/{contract_id}/documents/{document['kind']}", params={"version": 1})

        assert response.status_code == 200
        assert response.headers["content-type"] == "application/pdf"
        assert len(response.content) == document["size"] == int(response.headers["content-length"])
        assert hashlib.sha256(response.content).hexdigest() == document["sha256"]


async def test_an_old_version_stays_and_no_version_means_the_newest(client: Client, simulator: Simulator) -> None:
    contract_id = a_generated_contract(simulator).contract_id
    simulator.generate(contract_id)
    path = f"/contracts/{contract_id}/documents/cerfa"

    first, second, newest = [await client.get(path + query) for query in ("?version=1", "?version=2", "")]

    assert first.content != second.content == newest.content


async def test_a_document_that_is_not_there_is_a_problem(client: Client, simulator: Simulator) -> None:
    a_contract(simulator)
    contract_id = a_generated_contract(simulator, "FVMA-2025-0043").contract_id
    missing = (f"/contracts/{simulator.contracts()[0].contract_id}/documents/cerfa",
               f"/contracts/{contract_id}/documents/cerfa?version=2",
               f"/contracts/{contract_id}/documents/passport")  # fmt: skip

    for path in missing:
        assert _is_problem(await client.get(path), 404, "not-found")
    assert _is_problem(await client.get(f"/contracts/{contract_id}/documents/cerfa?version=x"), 400, "bad-request")


async def test_cancelling_again_is_harmless(client: Client, simulator: Simulator) -> None:
    path = f"/contracts/{a_contract(simulator).contract_id}/cancellation"

    answers = [await client.post(path, json={"reason": "Mission retirée"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["status"] == "cancelled"
    assert answers[0].content == answers[1].content


async def test_a_signed_contract_is_past_cancelling(client: Client, simulator: Simulator) -> None:
    contract_id = a_generated_contract(simulator).contract_id
    simulator.sign(contract_id)

    response = await client.post(f"/contracts/{contract_id}/cancellation", json={"reason": "Trop tard"})

    assert _is_problem(response, 409, "past-cancelling")
    assert simulator.read(contract_id).status == "signed"


@pytest.mark.parametrize("body", [{}, {"reason": "  "}, {"reason": 7}, []], ids=str)
async def test_a_cancellation_needs_a_reason(client: Client, simulator: Simulator, body: object) -> None:
    path = f"/contracts/{a_contract(simulator).contract_id}/cancellation"

    response = await client.post(path, json=body)

    assert _is_problem(response, 422, "invalid")
    assert response.json()["errors"][0]["field"] == "reason"


async def test_an_unavailable_remote_says_how_long_to_wait(client: Client, simulator: Simulator) -> None:
    simulator.faults.is_unavailable = True
    simulator.faults.retry_after_s = 7

    response = await _post(client, a_body())

    assert _is_problem(response, 503, "unavailable")
    assert response.headers["retry-after"] == "7"
    assert simulator.contracts() == ()
