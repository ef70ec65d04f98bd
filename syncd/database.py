"""Opens databases from the plain URLs of the configuration, and says of their errors only what may be shown.

Both the mission store and the ledger start here; what they do with an engine is theirs.
"""

from datetime import timedelta
from urllib.parse import quote, unquote

from sqlalchemy import URL, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from syncd.errors import Misconfigured
from syncd.sqlite_driver import OneTurnDriver

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mariadb": "mariadb+asyncmy",
    "mysql": "mysql+asyncmy",
}

CONNECT_TIMEOUT = timedelta(seconds=5)
_PAGES_KB = 500
"""Of each SQLite connection; its default is four times as much."""
_STATEMENTS = 20
"""So many prepared statements each SQLite connection keeps. One about a table with sixty columns takes fifty kilobytes,
and a contract's row is written in dozens of ways: with the driver's 128, a process grows for hours."""
_RENEWED_AFTER_S = 120
"""A SQLite connection that is older is opened anew, at a millisecond: what it has come to keep is given back."""
_KEEP_ALIVE = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
"""Idle connections too notice a peer that is gone: within 30 seconds, not the system's two hours."""


def async_url(url: str, *, key: str) -> URL:
    """Return the SQLAlchemy URL of a plain one (`sqlite:///…`, `postgresql://…`), with the driver that syncd uses.

    A PostgreSQL socket folder may be written `?host=/run/postgresql` or, as libpq allows, `//%2Frun%2Fpostgresql/`.

    Raises:
        Misconfigured: not a database URL; `key` names the setting.
    """
    try:
        plain = make_url(url)
    except (ArgumentError, ValueError):
        # `from None`: the cause's text is the URL, password included
        raise Misconfigured("this is not a database URL", key=key, hint=_URL_HINT) from None
    driver = _DRIVERS.get(plain.get_backend_name())
    if driver is None:
        raise Misconfigured("this kind of database is not supported", key=key, hint=_URL_HINT)
    if plain.get_backend_name() == "sqlite" and (plain.host or plain.username):
        raise Misconfigured("a SQLite URL has three slashes, then the path", key=key, hint=_URL_HINT)
    if plain.host is not None and plain.host.lower().startswith("%2f"):
        plain = plain.set(host="").update_query_dict({"host": unquote(plain.host)})
    return plain.set(drivername=driver)


def make_engine(
    url: str, *, key: str, patience: timedelta, is_read_only: bool = False, connections: int = 4
) -> AsyncEngine:
    """Return an engine that connects when first used, never with more than so many connections.

    The connection that was used last is used first: each of SQLite's keeps pages of its own, which would fill up in all
    of them, and the writer's own pages stay valid as long as nobody else writes. They are few: what a seek passes
    through fits, and the system has the rest.

    `patience` bounds each wait: for SQLite's lock, and for a peer that no longer acknowledges. A read-only SQLite file
    is never created. Nothing is set on a PostgreSQL session: a pooler in transaction mode would pass it on to others.

    Raises:
        Misconfigured: the URL is wrong, or its driver is not installed.
    """
    target = async_url(url, key=key)
    is_sqlite = target.get_backend_name() == "sqlite"
    if is_sqlite and is_read_only:
        target = _read_only(target)
    has_pool = not is_sqlite or bool(target.database)
    try:
        engine = create_async_engine(
            target,
            hide_parameters=True,
            connect_args=_connect_arguments(target, patience),
            **({"module": OneTurnDriver()} if is_sqlite else {}),
            **({"pool_size": connections, "max_overflow": 0, "pool_use_lifo": True} if has_pool else {}),
            **({"pool_recycle": _RENEWED_AFTER_S} if is_sqlite and has_pool else {}),
        )
    except ModuleNotFoundError as error:
        raise Misconfigured("the driver of this database is not installed", key=key, hint=_DRIVER_HINT) from error
    if is_sqlite:
        event.listen(engine.sync_engine, "connect", _keep_few_pages)
    return engine


def _keep_few_pages(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA cache_size = -{_PAGES_KB}")
    cursor.close()


async def close_engine(engine: AsyncEngine) -> None:
    """Close every connection of an engine that is not used any more, and let it go.

    SQLAlchemy remembers every dialect that has looked for a table or its columns (`lru_cache` on methods), with all
    that was compiled for it, until a hundred others have come. A process that reads its configuration again makes new
    engines each time.
    """
    await engine.dispose()
    for kind in type(engine.dialect).__mro__:
        for member in vars(kind).values():
            forget = getattr(member, "cache_clear", None)
            if forget is not None:
                forget()


def sqlstate_of(error: BaseException) -> str | None:
    """Return the SQLSTATE that PostgreSQL gave to an error, SQLAlchemy's wrapping taken off; `None` without one."""
    state = getattr(_unwrapped(error), "sqlstate", None)
    return state if isinstance(state, str) else None


def describe(error: BaseException) -> str:
    """Return what may be shown and logged of a database error: its kind, SQLSTATE and constraint, never a value."""
    cause = _unwrapped(error)
    constraint = getattr(getattr(cause, "diag", None), "constraint_name", None)
    words = (type(cause).__name__, sqlstate_of(cause), getattr(cause, "sqlite_errorname", None), constraint)
    return " ".join(str(word) for word in words if word)


def _unwrapped(error: BaseException) -> BaseException:
    original = getattr(error, "orig", None) if isinstance(error, SQLAlchemyError) else None
    return original if isinstance(original, BaseException) else error


def _read_only(url: URL) -> URL:
    path = quote(url.database or "", safe="/")
    return url.set(database=f"file:{path}").update_query_dict({"mode": "ro", "uri": "true"})


def _connect_arguments(url: URL, patience: timedelta) -> dict[str, object]:
    seconds = max(1, round(patience.total_seconds()))
    connect_seconds = max(2, round(min(patience, CONNECT_TIMEOUT).total_seconds()))
    match url.get_backend_name():
        case "sqlite":
            return {"timeout": patience.total_seconds(), "cached_statements": _STATEMENTS}
        case "postgresql":
            return {
                "connect_timeout": connect_seconds,
                "tcp_user_timeout": seconds * 1000,
                **_KEEP_ALIVE,
                "application_name": "syncd",
                "prepare_threshold": None,  # a pooler in transaction mode does not keep prepared statements for us
            }
        case _:
            return {"connect_timeout": connect_seconds}


_URL_HINT = "write sqlite:////path/file.db, postgresql://user@host/name or mariadb://user@host/name"
_DRIVER_HINT = "install the extra of this database, for example syncd[mariadb]"
