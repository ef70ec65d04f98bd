"""The section about CACTUS."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from syncd.model import RemoteStatus
from syncd.settings.section import HttpUrl, Line, Positive, Section

RemotePath = Annotated[str, Field(pattern=r"^/[!-~]*$")]


class CactusPaths(Section):
    """Paths under `base_url`; {contract_id} and {kind} are filled in."""

    contracts: RemotePath = "/contracts"
    contract: RemotePath = "/contracts/{contract_id}"
    document: RemotePath = "/contracts/{contract_id}/documents/{kind}"
    cancellation: RemotePath = "/contracts/{contract_id}/cancellation"


class Cactus(Section):
    """CACTUS: where it is, who we are there, and what it can do."""

    adapter: Literal["http", "mock"] | None = None
    """`http` for a real CACTUS or the simulator, `mock` for one in memory that forgets everything.
    There is no default: nobody should write to students about contracts in a mock. `syncd run` needs it."""
    base_url: HttpUrl | None = None
    """The address that every path is appended to. The adapter `http` needs it."""
    auth: Literal["none", "bearer", "api_key", "client_credentials"] = "none"
    """How we show who we are: `bearer` and `api_key` need `token`; `client_credentials` (OAuth2) needs `token_url`,
    `client_id` and `client_secret`."""
    token: SecretStr | None = None
    """The bearer token, or the API key."""
    api_key_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "X-Api-Key"
    """The header that carries the API key."""
    token_url: HttpUrl | None = None
    """Where OAuth2 access tokens are asked for."""
    client_id: Line | None = None
    """Our name at `token_url`."""
    client_secret: SecretStr | None = None
    """Our password at `token_url`."""
    ca_file: Path | None = None
    """A PEM file of the authorities to trust instead of the system's, for a private one."""

    concurrency: Annotated[int, Field(ge=1, le=1000)] = 20
    """Requests under way at once."""
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 30
    """Seconds after which a request is given up, whatever has arrived by then: a total deadline."""
    requests_per_second: Annotated[float, Field(ge=0)] = 0
    """Requests that leave within a second, by each replica; after a rest as many at once. 0: no limit."""
    document_cap_bytes: Positive = 20_971_520
    """Bytes after which a document is refused: a Cerfa is far smaller."""
    processing_time_s: Annotated[float, Field(ge=0, le=86_400)] = 120
    """Seconds that CACTUS may take at most to apply a request whose answer was lost; without idempotency keys
    nothing is asked again before."""

    idempotent: bool = True
    """CACTUS honours Idempotency-Key: a request without an answer may be repeated with its key."""
    look_up: bool = True
    """CACTUS finds a contract by its external reference."""
    change_feed: bool = True
    """CACTUS lists changes; without that, syncd asks contract by contract, more and more rarely."""
    documents: bool = True
    """CACTUS serves the Cerfa and the convention; without that, an admin adds them."""
    cancellation: bool = True
    """CACTUS takes cancellations; without that, they are done there by hand."""

    status_words: Mapping[str, RemoteStatus] = Field(default_factory=dict)
    """Other words of CACTUS for a status, and which of ours each means. Example: { "en_cours" = "in_progress" }"""
    paths: CactusPaths = CactusPaths()
