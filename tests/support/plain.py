"""A ledger's database seen beside the ledger, without its event loop."""

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from syncd.database import async_url


def plain_engine(ledger_url: str) -> Engine:
    """Return an engine on a ledger's plain URL that keeps no connection."""
    url = async_url(ledger_url, key="database.url")
    driver = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg"
    return create_engine(url.set(drivername=driver), poolclass=NullPool)
