"""Download a document, believe nothing, and put it into the vault whole or not at all."""

import hashlib
from dataclasses import dataclass

from syncd.actions import FetchDocument
from syncd.errors import RefusalCode, Refused, Transient
from syncd.model import Facts, RemoteDocument, StoredDocument
from syncd.ports.cactus import Cactus, FetchedDocument
from syncd.ports.clock import Clock
from syncd.ports.documents import DocumentName, PdfCheck, Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchResult:
    """A stored document, or what is wrong with the bytes; `is_final`: downloading the same again is no use."""

    stored: StoredDocument | None = None
    fault: str | None = None
    is_final: bool = False


class DocumentFetcher:
    """Fetches documents from CACTUS into the vault."""

    def __init__(self, *, cactus: Cactus, vault: Vault, check: PdfCheck, clock: Clock) -> None:
        self._cactus = cactus
        self._vault = vault
        self._check = check
        self._clock = clock

    async def fetch(self, effect: FetchDocument, facts: Facts) -> FetchResult:
        """Return the stored document, or why it was not stored.

        Raises:
            Transient: not there (yet), or nowhere to put it: later again.
        """
        offered = effect.document
        try:
            fetched = await self._cactus.fetch_document(effect.contract_id, offered.kind, offered.version)
        except Refused as refusal:
            if refusal.code is RefusalCode.CONTENT:
                return FetchResult(fault="too_large")
            raise Transient(f"document not there: {refusal.code}") from refusal
        try:
            verdict = judge(fetched, offered, await self._check.fault_of(fetched.content))
            return verdict if verdict is not None else await self._store(fetched.content, offered, facts)
        except Transient as trouble:  # ours, not the remote's: it must not count against CACTUS
            raise Transient(trouble.message, hint=trouble.hint) from trouble

    async def _store(self, content: bytes, offered: RemoteDocument, facts: Facts) -> FetchResult:
        version = next_version(facts, offered)
        name = DocumentName(mission_id=facts.mission_id, kind=offered.kind, version=version)
        file_id = await self._vault.store(name, content)
        return FetchResult(
            stored=StoredDocument(
                kind=offered.kind,
                version=version,
                remote_version=offered.version,
                sha256=offered.sha256,
                size=offered.size,
                stored_at=self._clock.now(),
                file_id=file_id,
            )
        )


def judge(fetched: FetchedDocument, offered: RemoteDocument, fault: str | None) -> FetchResult | None:
    """Return `None` when these bytes are the document that CACTUS declared for this contract, and a sound PDF.

    A sound PDF with another hash is another document: a person must look (it may be somebody else's). Anything that is
    no PDF, or is cut, may be a passing trouble of the remote and is worth another try.
    """
    is_declared = len(fetched.content) == offered.size and hashlib.sha256(fetched.content).hexdigest() == offered.sha256
    is_pdf_type = fetched.content_type.partition(";")[0].strip().lower() == "application/pdf"
    if is_declared and fault is None and is_pdf_type:
        return None
    if is_declared:
        return FetchResult(fault=fault or "content_type", is_final=fault is not None)
    if fault is None:
        return FetchResult(fault="hash_mismatch", is_final=True)
    return FetchResult(fault=fault)


def next_version(facts: Facts, offered: RemoteDocument) -> int:
    """Return CACTUS's version, or the next free one when other bytes came under a version that is stored already."""
    taken = {document.version for document in facts.documents if document.kind is offered.kind}
    return offered.version if offered.version not in taken else max(taken) + 1
