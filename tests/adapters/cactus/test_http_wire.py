"""What the HTTP adapter sends, to the letter, and what it does with each kind of answer."""

import json
from datetime import timedelta

import httpx
import pytest
import respx

from syncd.adapters.cactus.auth import api_key, bearer
from syncd.errors import (
    CredentialsRefused,
    Misconfigured,
    OutcomeUnknown,
    RefusalCode,
    Refused,
    SyncdError,
    Transient,
)
from syncd.model import ContractId, DocumentKind
from tests.adapters.cactus.rigs import BASE_URL, CONTRACT, scripted_cactus, sent
from tests.conformance.examples import A_MISSION

CT_1 = ContractId("CT-1")
PROBLEM = {"Content-Type": "application/problem+json"}


async def initialise_on(router: respx.Router, answer: httpx.Response) -> SyncdError:
    """Return the error with which an initialisation ends."""
    router.post(f"{BASE_URL}/contracts").mock(return_value=answer)
    with pytest.raises(SyncdError) as failed:
        await scripted_cactus(router).initialise(A_MISSION, key="k")
    return failed.value


# What is sent


async def test_the_initialisation_is_sent_as_the_interface_says(router: respx.Router) -> None:
    router.post(f"{BASE_URL}/contracts").respond(201, json=CONTRACT)

    await scripted_cactus(router).initialise(A_MISSION, key="key-1")

    request = sent(router)[0]
    assert request.headers["Idempotency-Key"] == "key-1"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Accept-Encoding"] == "identity"
    assert request.headers["User-Agent"].startswith("syncd/")
    assert json.loads(request.content)["external_reference"] == "FVMA-2025-0042"


async def test_each_reading_goes_to_its_own_address(router: respx.Router) -> None:
    router.route().respond(404, json={})
    cactus = scripted_cactus(router)

    for reading in (
        cactus.read(CT_1),
        cactus.find(A_MISSION.mission_id),
        cactus.changes("c1", limit=50),
        cactus.changes(None, limit=50),
        cactus.fetch_document(CT_1, DocumentKind.CONVENTION, 3),
        cactus.cancel(CT_1, "Retrait"),
    ):
        with pytest.raises(SyncdError):
            await reading

    assert [(request.method, str(request.url).removeprefix(BASE_URL)) for request in sent(router)] == [
        ("GET", "/contracts/CT-1"),
        ("GET", "/contracts?external_reference=FVMA-2025-0042"),
        ("GET", "/contracts?after=c1&limit=50"),
        ("GET", "/contracts?limit=50"),
        ("GET", "/contracts/CT-1/documents/convention?version=3"),
        ("POST", "/contracts/CT-1/cancellation"),
    ]
    assert json.loads(sent(router)[-1].content) == {"reason": "Retrait"}


async def test_configured_paths_and_status_words_are_used(router: respx.Router) -> None:
    router.get("https://cactus.example.org/v2/dossiers/CT-1").respond(200, json=CONTRACT | {"status": "INIT"})
    cactus = scripted_cactus(
        router,
        base_url="https://cactus.example.org/v2/",
        paths={"contract": "/dossiers/{contract_id}"},
        status_words={"INIT": "initialised"},
    )

    contract = await cactus.read(CT_1)

    assert contract is not None
    assert contract.status == "initialised"


@pytest.mark.parametrize(
    "paths",
    [
        {"contrat": "/x"},
        {"contract": "/x"},
        {"contract": "x/{contract_id}"},
        {"contracts": "/x{y}"},
        {"contracts": "/{"},
    ],
)
def test_a_wrong_path_is_a_wrong_configuration(router: respx.Router, paths: dict[str, str]) -> None:
    with pytest.raises(Misconfigured) as wrong:
        scripted_cactus(router, paths=paths)

    assert wrong.value.key is not None
    assert wrong.value.key.startswith("cactus.paths.")


@pytest.mark.parametrize("url", ["", "cactus.example.org", "ftp://x", "https://u:p@x", "https://x/?a=1", "https://"])
def test_a_wrong_address_is_a_wrong_configuration_and_is_not_repeated(router: respx.Router, url: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        scripted_cactus(router, base_url=url)

    assert wrong.value.key == "cactus.base_url"
    assert "u:p" not in str(wrong.value)


async def test_an_etag_is_sent_back_and_not_changed_is_none(router: respx.Router) -> None:
    route = router.get(f"{BASE_URL}/contracts/CT-1")
    route.side_effect = [httpx.Response(200, json=CONTRACT, headers={"ETag": '"7"'}), httpx.Response(304)]
    cactus = scripted_cactus(router)

    first = await cactus.read(CT_1)
    assert first is not None
    second = await cactus.read(CT_1, etag=first.etag)

    assert first.etag == '"7"'
    assert second is None
    assert sent(router)[1].headers["If-None-Match"] == '"7"'


async def test_not_changed_without_having_asked_is_no_answer(router: respx.Router) -> None:
    router.get(f"{BASE_URL}/contracts/CT-1").respond(304)

    with pytest.raises(Transient):
        await scripted_cactus(router).read(CT_1)


# Answers to an initialisation


async def test_r06_still_under_way_is_unknown_for_this_contract_alone(router: respx.Router) -> None:
    error = await initialise_on(router, httpx.Response(409, json={"type": "in-progress"}, headers={"Retry-After": "3"}))

    assert isinstance(error, OutcomeUnknown)
    assert not error.is_general
    assert error.retry_after == timedelta(seconds=3)


@pytest.mark.parametrize("status", [409, 422])
async def test_r07_a_key_used_for_another_body_is_refused(router: respx.Router, status: int) -> None:
    error = await initialise_on(router, httpx.Response(status, json={"type": "key-reused"}, headers=PROBLEM))

    assert isinstance(error, Refused)
    assert error.code is RefusalCode.KEY_REUSED
    assert len(sent(router)) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (201, b""),
        (201, b"null"),
        (201, b"[]"),
        (201, b"{}"),
        (201, b"{"),
        (201, b"\xff\xfe\x00"),
        (201, b"[" * 100_000),
        (201, b'{"contract_id": 12, "status": "initialised", "external_reference": "FVMA-2025-0042"}'),
        (201, b'{"contract_id": "", "status": "initialised", "external_reference": "FVMA-2025-0042"}'),
        (201, b'{"contract_id": "CT-1", "status": "initialised", "external_reference": "FVMA-2025-0099"}'),
        (201, b'{"contract_id": "CT-1", "status": "initialised"}'),
        (201, b'{"contract_id": "CT-1", "external_reference": "FVMA-2025-0042"}'),
        (200, b"<html><body>Connexion</body></html>"),
        (202, b"{}"),
        (204, b""),
    ],
)
async def test_r08_a_success_that_cannot_be_believed_is_unknown(router: respx.Router, status: int, body: bytes) -> None:
    assert isinstance(await initialise_on(router, httpx.Response(status, content=body)), OutcomeUnknown)


async def test_r08_a_page_instead_of_json_concerns_the_whole_remote_and_another_contract_only_this_one(
    router: respx.Router,
) -> None:
    page = await initialise_on(router, httpx.Response(200, content=b"<html>"))
    other = await initialise_on(router, httpx.Response(201, json=CONTRACT | {"external_reference": "FVMA-1"}))

    assert isinstance(page, OutcomeUnknown)
    assert isinstance(other, OutcomeUnknown)
    assert (page.is_general, other.is_general) == (True, False)


@pytest.mark.parametrize("status", [400, 422])
async def test_r09_an_invalid_body_is_refused_with_the_names_of_the_fields_alone(
    router: respx.Router, status: int
) -> None:
    errors = [
        {"field": "student.email", "message": "jerome.lefevre@example.org n'est pas une adresse"},
        {"field": "/company/siret", "message": "12345678200010"},
        {"field": "jerome.lefevre", "message": "inconnu"},
    ]
    error = await initialise_on(
        router, httpx.Response(status, json={"type": "invalid", "errors": errors, "detail": "Lefèvre"}, headers=PROBLEM)
    )

    assert isinstance(error, Refused)
    assert error.code is RefusalCode.INVALID
    assert "student.email" in error.message
    assert "company.siret" in error.message
    assert "lefevre" not in str(error).lower()
    assert "12345678200010" not in str(error)


@pytest.mark.parametrize(
    "type_",
    [
        "reference-exists",
        "https://cactus.example.org/problems/reference-exists",
        "urn:cactus:problem:reference-exists",
        "/problems/reference_exists/",
    ],
)
async def test_a_reference_that_exists_names_the_contract_in_the_way(router: respx.Router, type_: str) -> None:
    error = await initialise_on(router, httpx.Response(409, json={"type": type_, "contract_id": "CT-9"}))

    assert isinstance(error, Refused)
    assert (error.code, error.contract_id) == (RefusalCode.REFERENCE_EXISTS, "CT-9")


@pytest.mark.parametrize("status", [100, 102, 199, 300, 304, 402, 408, 418, 425, 500, 502, 503, 504, 520, 599])
async def test_every_other_answer_to_an_initialisation_is_unknown(router: respx.Router, status: int) -> None:
    error = await initialise_on(router, httpx.Response(status, json={}, headers={"Retry-After": "20"}))

    assert isinstance(error, OutcomeUnknown)
    assert error.is_general
    assert error.retry_after == timedelta(seconds=20)
    assert len(sent(router)) == 1


@pytest.mark.parametrize("status", [404, 405])
async def test_a_wrong_path_to_the_contracts_did_nothing_and_concerns_everybody(
    router: respx.Router, status: int
) -> None:
    error = await initialise_on(router, httpx.Response(status))

    assert isinstance(error, Transient)
    assert error.is_general


# Credentials and limits


async def test_r10_a_401_without_another_secret_refuses_the_credentials_at_once(router: respx.Router) -> None:
    router.post(f"{BASE_URL}/contracts").respond(401)

    with pytest.raises(CredentialsRefused):
        await scripted_cactus(router, authentication=bearer(lambda: "t-1")).initialise(A_MISSION, key="k")

    assert len(sent(router)) == 1


async def test_r20_a_rotated_secret_is_read_again_after_a_401(router: respx.Router) -> None:
    secrets = ["old"]
    route = router.post(f"{BASE_URL}/contracts")
    route.side_effect = lambda request: httpx.Response(201 if request.headers["X-Cle"] == "new" else 401, json=CONTRACT)
    cactus = scripted_cactus(router, authentication=api_key(lambda: secrets[-1], header="X-Cle"))
    with pytest.raises(CredentialsRefused):
        await cactus.initialise(A_MISSION, key="k")

    secrets.append("new")
    await cactus.initialise(A_MISSION, key="k")

    assert [request.headers["X-Cle"] for request in sent(router)] == ["old", "old", "new"]


async def test_r10_a_second_401_is_final(router: respx.Router) -> None:
    numbers = iter(range(10))
    router.get(f"{BASE_URL}/contracts/CT-1").respond(401)

    with pytest.raises(CredentialsRefused):
        await scripted_cactus(router, authentication=bearer(lambda: f"t-{next(numbers)}")).read(CT_1)

    assert [request.headers["Authorization"] for request in sent(router)] == ["Bearer t-0", "Bearer t-1"]


async def test_r11_a_403_refuses_the_credentials_for_everybody(router: respx.Router) -> None:
    error = await initialise_on(router, httpx.Response(403))

    assert isinstance(error, CredentialsRefused)
    assert error.is_general


async def test_r12_too_many_requests_slows_everybody_for_as_long_as_asked(router: respx.Router) -> None:
    error = await initialise_on(router, httpx.Response(429, headers={"Retry-After": "315360000"}))

    assert isinstance(error, Transient)
    assert error.is_general
    assert error.retry_after == timedelta(hours=1)
