"""Says what a database error means for whoever reads the mission store. Nothing of a value is kept."""

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from syncd.database import describe, sqlstate_of
from syncd.errors import CredentialsRefused, Misconfigured, SyncdError, Transient

_MYSQL_STRUCTURE = frozenset({1054, 1146})
_MYSQL_FORBIDDEN = frozenset({1044, 1142, 1143})
_MYSQL_LOGIN = 1045


def is_about_structure(error: SQLAlchemyError) -> bool:
    """Whether the query no longer fits the relation: a column or the whole relation went, or changed its type."""
    state = sqlstate_of(error) or ""
    return (
        (state.startswith("42") and not _is_forbidden(error))
        or _sqlite_name(error) in ("SQLITE_ERROR", "SQLITE_SCHEMA")
        or _mysql_code(error) in _MYSQL_STRUCTURE
    )


def translate(error: SQLAlchemyError) -> SyncdError:
    """Return our error for a database's.

    Whoever raises it cuts the chain (`from None`): the text of a database error quotes values.
    """
    what = describe(error)
    if _is_forbidden(error):
        return Misconfigured(f"the mission store may not be read ({what})", key="missions.relation", hint=_GRANT)
    if is_about_structure(error):
        return Misconfigured(f"the mission store refuses the query ({what})", key="missions.relation", hint=_RELATION)
    if _sqlite_name(error) == "SQLITE_NOTADB":
        return Misconfigured(f"the mission store's file is no database ({what})", key="missions.url")
    if (sqlstate_of(error) or "").startswith("28") or _mysql_code(error) == _MYSQL_LOGIN:
        return CredentialsRefused(f"the mission store refuses the login ({what})", hint=_URL)
    return Transient(f"the mission store cannot be read now ({what})", hint=_URL, is_general=True)


def _is_forbidden(error: SQLAlchemyError) -> bool:
    return sqlstate_of(error) == "42501" or _mysql_code(error) in _MYSQL_FORBIDDEN


def _sqlite_name(error: SQLAlchemyError) -> str | None:
    name = getattr(error.orig, "sqlite_errorname", None) if isinstance(error, DBAPIError) else None
    return name if isinstance(name, str) else None


def _mysql_code(error: SQLAlchemyError) -> int | None:
    code = next(iter(getattr(error.orig, "args", ())), None) if isinstance(error, DBAPIError) else None
    return code if isinstance(code, int) else None


_GRANT = "grant SELECT on missions.relation to the user of missions.url"
_RELATION = "compare missions.relation and [missions.columns] with the store"
_URL = "when this lasts, check that the store of missions.url runs, and its host, name, user and password"
