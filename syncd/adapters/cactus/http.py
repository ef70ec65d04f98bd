"""CACTUS over HTTP: the contract of interfaces, section 2, behind the port of `syncd.ports.cactus`."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from syncd.adapters.cactus.addresses import Addresses
from syncd.adapters.cactus.auth import Authentication, is_header_safe
from syncd.adapters.cactus.calls import Calls
from syncd.adapters.cactus.client import HttpClient
from syncd.adapters.cactus.exchange import Answer, Request
from syncd.adapters.cactus.mapping import to_cactus, to_contract, to_contracts
from syncd.adapters.cactus.notices import Notice, Notify, keep_silent
from syncd.adapters.cactus.outcomes import RequestKind, error_of_content
from syncd.adapters.cactus.values import Unreadable, read_json, read_reference, read_text
from syncd.model import Capabilities, ContractId, DocumentKind, Mission, MissionId, RemoteContract
from syncd.ports.cactus import FeedPage, FetchedDocument
from syncd.ports.clock import Clock

ANSWER_CAP_BYTES = 8 * 1024 * 1024
"""Of anything but a document: a page of the feed with a thousand contracts is about one megabyte."""
DOCUMENT_CAP_BYTES = 20 * 1024 * 1024

_BODIES = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class HttpCactus:
    """Speaks the contract of interfaces, section 2. Implements `syncd.ports.cactus.Cactus`."""

    def __init__(
        self,
        *,
        base_url: str,
        authentication: Authentication,
        timeout: timedelta,
        concurrency: int,
        clock: Clock,
        capabilities: Capabilities = Capabilities(),  # noqa: B008 - frozen
        paths: Mapping[str, str] = MappingProxyType({}),
        status_words: Mapping[str, str] = MappingProxyType({}),
        document_cap_bytes: int = DOCUMENT_CAP_BYTES,
        ca_file: Path | None = None,
        notify: Notify = keep_silent,
        client: HttpClient | None = None,
    ) -> None:
        """Prepare an adapter; nothing is sent before the first call.

        `timeout` is the total deadline of one call, its retries and its token included; `concurrency` bounds the
        connections. `paths` replaces some of `addresses.DEFAULT_PATHS`, `status_words` gives our word for a word of the
        remote. `ca_file` adds authorities to the public ones. `client` replaces the whole HTTP client, for tests.

        Raises:
            Misconfigured: the base URL or a path is wrong.
        """
        self._addresses = Addresses(base_url, paths)
        self._capabilities = capabilities
        self._status_words = status_words
        self._document_cap_bytes = document_cap_bytes
        self._notify = notify
        self._calls = Calls(
            client=client or HttpClient(timeout=timeout, concurrency=concurrency, ca_file=ca_file),
            authentication=authentication,
            clock=clock,
            notify=notify,
        )

    @property
    def capabilities(self) -> Capabilities:
        """What the configuration says that this remote can do."""
        return self._capabilities

    async def initialise(self, mission: Mission, *, key: str) -> RemoteContract:
        """Create the contract of a mission; an answer about anything else is an unknown outcome."""
        request = _post(self._addresses.contracts(), to_cactus(mission), {"Idempotency-Key": key})
        answer = await self._calls.call(RequestKind.CREATE, request, expect={200, 201})
        contract = self._read_contract(RequestKind.CREATE, answer)
        if contract.external_reference != read_reference(mission.mission_id):
            raise error_of_content(RequestKind.CREATE, "another mission's contract", is_general=False)
        return contract

    async def find(self, reference: MissionId) -> RemoteContract | None:
        """Return the contract with this reference; `None` only when CACTUS answered with an empty list."""
        request = _get(self._addresses.contracts(external_reference=reference))
        answer = await self._calls.call(RequestKind.FIND, request, expect={200})
        contracts, skipped, _ = self._read_list(RequestKind.FIND, answer)
        wanted = read_reference(reference)
        found = next((contract for contract in contracts if contract.external_reference == wanted), None)
        if found is None and (contracts or skipped):
            # A remote that ignores the question answers with everything: that is no proof that there is none.
            raise error_of_content(RequestKind.FIND, "other contracts than the one looked for", is_general=False)
        return found

    async def read(self, contract_id: ContractId, *, etag: str | None = None) -> RemoteContract | None:
        """Return the contract as it is now; `None` when it has not changed since `etag`."""
        condition = {"If-None-Match": etag} if etag is not None else {}
        expect = {200, 304} if etag is not None else {200}
        request = _get(self._addresses.contract(contract_id), condition)
        answer = await self._calls.call(RequestKind.READ, request, expect=expect)
        if answer.status == 304:
            return None
        return self._read_contract(RequestKind.READ, answer, expected=contract_id)

    async def changes(self, after: str | None, *, limit: int) -> FeedPage:
        """Return the changes after a cursor; an entry that cannot be understood is left out and noticed."""
        place = {"after": after} if after is not None else {}
        request = _get(self._addresses.contracts(**place, limit=str(limit)))
        answer = await self._calls.call(RequestKind.FEED, request, expect={200})
        contracts, skipped, page = self._read_list(RequestKind.FEED, answer)
        if skipped:
            self._notify(Notice.ENTRY_SKIPPED, count=skipped)
        cursor = _read_cursor(page.get("next_cursor"))
        # A cursor that does not move would be asked for ever.
        has_more = page.get("has_more") is True and cursor is not None and cursor != after
        return FeedPage(items=contracts, cursor=cursor, has_more=has_more)

    async def fetch_document(self, contract_id: ContractId, kind: DocumentKind, version: int) -> FetchedDocument:
        """Return the bytes of a document, at most `document_cap_bytes`."""
        request = Request(
            method="GET",
            url=self._addresses.document(contract_id, kind, version),
            headers={"Accept": "application/pdf"},
            cap_bytes=self._document_cap_bytes,
        )
        answer = await self._calls.call(RequestKind.DOCUMENT, request, expect={200})
        return FetchedDocument(content=answer.body, content_type=answer.headers.get("content-type", ""))

    async def cancel(self, contract_id: ContractId, reason: str) -> RemoteContract:
        """Cancel a contract and return it."""
        request = _post(self._addresses.cancellation(contract_id), {"reason": reason}, {})
        answer = await self._calls.call(RequestKind.CANCEL, request, expect={200})
        return self._read_contract(RequestKind.CANCEL, answer, expected=contract_id)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._calls.aclose()

    def _read_contract(
        self, kind: RequestKind, answer: Answer, *, expected: ContractId | None = None
    ) -> RemoteContract:
        said = _read_object(kind, answer)
        try:
            contract = to_contract(said, status_words=self._status_words, etag=_etag_of(answer))
        except Unreadable as error:
            raise error_of_content(kind, str(error), is_general=False) from error
        if expected is not None and contract.contract_id != expected:
            raise error_of_content(kind, "another contract", is_general=False)
        return contract

    def _read_list(
        self, kind: RequestKind, answer: Answer
    ) -> tuple[tuple[RemoteContract, ...], int, Mapping[str, object]]:
        said = _read_object(kind, answer)
        try:
            contracts, skipped = to_contracts(said.get("items"), status_words=self._status_words)
        except Unreadable as error:
            raise error_of_content(kind, str(error), is_general=False) from error
        return contracts, skipped, said


def _get(url: str, headers: Mapping[str, str] = MappingProxyType({})) -> Request:
    return Request(method="GET", url=url, headers=headers, cap_bytes=ANSWER_CAP_BYTES)


def _post(url: str, body: Mapping[str, object], headers: Mapping[str, str]) -> Request:
    text = _BODIES.encode(body)
    headers = {"Content-Type": "application/json", **headers}
    return Request(method="POST", url=url, headers=headers, body=text.encode(), cap_bytes=ANSWER_CAP_BYTES)


def _read_object(kind: RequestKind, answer: Answer) -> Mapping[str, object]:
    """Return the JSON object of an answer; anything else comes from something that is not CACTUS."""
    try:
        said = read_json(answer.body)
    except Unreadable as error:
        raise error_of_content(kind, str(error), is_general=True) from error
    if not isinstance(said, dict):
        raise error_of_content(kind, "no JSON object", is_general=True)
    return said


def _etag_of(answer: Answer) -> str | None:
    """Return an ETag that can be sent back as it is."""
    etag = answer.headers.get("etag")
    return etag if etag is not None and len(etag) <= 200 and is_header_safe(etag) else None


def _read_cursor(said: object) -> str | None:
    """Return an opaque place in the feed, untouched; `None` when there is none, or one that cannot be kept."""
    is_keepable = isinstance(said, str) and 0 < len(said) <= 2_000 and read_text(said) == said
    return str(said) if is_keepable else None
