"""Where each request goes: the base URL, the configured paths, and ids that cannot lead elsewhere. Pure."""

from collections.abc import Mapping
from string import Formatter
from types import MappingProxyType
from urllib.parse import quote, urlencode, urlsplit

from syncd.adapters.cactus.values import Unreadable, read_contract_id
from syncd.errors import Misconfigured, RefusalCode, Refused
from syncd.model import ContractId, DocumentKind

DEFAULT_PATHS: Mapping[str, str] = MappingProxyType(
    {
        "contracts": "/contracts",
        "contract": "/contracts/{contract_id}",
        "document": "/contracts/{contract_id}/documents/{kind}",
        "cancellation": "/contracts/{contract_id}/cancellation",
    }
)


class Addresses:
    """Builds every URL below one base URL, whose own path is kept."""

    def __init__(self, base_url: str, paths: Mapping[str, str]) -> None:
        """Check the addresses; `paths` replaces some of `DEFAULT_PATHS`.

        Raises:
            Misconfigured: no http(s) address, an unknown path, or one whose places are not those of the default.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise Misconfigured("CACTUS needs an http(s) address without a query", key="cactus.base_url")
        if parts.username is not None:
            raise Misconfigured("the address of CACTUS must not carry credentials", key="cactus.base_url")
        for name, path in paths.items():
            _check_path(name, path)
        base = base_url.rstrip("/")
        self._templates = {name: base + path for name, path in {**DEFAULT_PATHS, **paths}.items()}

    def contracts(self, **query: str) -> str:
        """Return the address of the list, with a query."""
        address = self._templates["contracts"]
        return f"{address}?{urlencode(query, quote_via=quote, safe='')}" if query else address

    def contract(self, contract_id: ContractId) -> str:
        """Return the address of a contract; an id that could not be one is `NOT_FOUND`."""
        return self._templates["contract"].format(contract_id=_segment(contract_id))

    def document(self, contract_id: ContractId, kind: DocumentKind, version: int) -> str:
        """Return the address of a document."""
        address = self._templates["document"].format(contract_id=_segment(contract_id), kind=kind)
        return f"{address}?version={version:d}"

    def cancellation(self, contract_id: ContractId) -> str:
        """Return the address that cancels a contract."""
        return self._templates["cancellation"].format(contract_id=_segment(contract_id))


def _segment(contract_id: ContractId) -> str:
    """Return an id as one segment of a path: `..` and its like would lead to another resource."""
    try:
        return quote(read_contract_id(contract_id), safe="")
    except Unreadable as error:
        raise Refused("no contract can have this id", code=RefusalCode.NOT_FOUND) from error


def _check_path(name: str, path: str) -> None:
    key = f"cactus.paths.{name}"
    if name not in DEFAULT_PATHS:
        raise Misconfigured(f"no path has this name; there are {', '.join(DEFAULT_PATHS)}", key=key)
    try:
        has_same_places = _places(path) == _places(DEFAULT_PATHS[name])
    except ValueError:
        has_same_places = False
    if not path.startswith("/") or "?" in path or not has_same_places:
        raise Misconfigured(f"this path must begin with / and have the places of {DEFAULT_PATHS[name]}", key=key)


def _places(path: str) -> frozenset[str | None]:
    return frozenset(place for _, place, _, _ in Formatter().parse(path) if place is not None)
