"""A contract in the words of the interface (interfaces, section 2)."""

import json
from datetime import UTC, datetime

from syncd.adapters.cactus.simulator.contracts import Contract, FilledPart, Paper


def contract_document(contract: Contract, base_url: str) -> dict[str, object]:
    """Return the JSON object of a contract; its pages are under the base URL."""
    return {
        "contract_id": contract.contract_id,
        "external_reference": contract.body.external_reference,
        "status": contract.status,
        "student_part": _part(contract.student),
        "company_part": _part(contract.company),
        "documents": [_paper(paper) for paper in contract.papers],
        "generated_at": _instant(contract.generated_at),
        "updated_at": _instant(contract.updated_at),
        "student_url": f"{base_url}/etudiant/{contract.contract_id}",
        "company_url": f"{base_url}/entreprise/{contract.contract_id}",
        "rejection_reason": contract.rejection_reason,
        "student": {"number": contract.body.student_number},
        "company": {"siret": contract.body.company_siret},
    }


class Answers:
    """Writes contracts as JSON, each revision once."""

    def __init__(self) -> None:
        self._written: dict[str, tuple[Contract, str, bytes]] = {}

    def write(self, contract: Contract, base_url: str) -> bytes:
        """Return the JSON text of a contract."""
        known = self._written.get(contract.contract_id)
        if known is not None and known[0] is contract and known[1] == base_url:
            return known[2]
        text = json.dumps(contract_document(contract, base_url), ensure_ascii=False).encode()
        self._written[contract.contract_id] = (contract, base_url, text)
        return text

    def write_list(
        self, contracts: tuple[Contract, ...], base_url: str, *, next_cursor: str | None, has_more: bool
    ) -> bytes:
        """Return the JSON text of a list of contracts."""
        items = b",".join(self.write(contract, base_url) for contract in contracts)
        rest = json.dumps({"next_cursor": next_cursor, "has_more": has_more})
        return b'{"items":[' + items + b"]," + rest[1:].encode()


def _part(part: FilledPart) -> dict[str, object]:
    return {"state": part.state, "done_at": _instant(part.done_at)}


def _paper(paper: Paper) -> dict[str, object]:
    return {
        "kind": paper.kind,
        "version": paper.version,
        "sha256": paper.sha256,
        "size": len(paper.content),
        "available_at": _instant(paper.available_at),
    }


def _instant(instant: datetime | None) -> str | None:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z") if instant is not None else None
