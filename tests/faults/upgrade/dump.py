"""A ledger as text, whatever its database: every row of every table, and the world in which it was written.

One JSON object a line, packed. An instant is `{"at": …}`, a column of JSON `{"json": …}`; what is empty is left out.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, Table, delete, insert, select, text

from syncd.adapters.cactus.mock import MockCactus, _Kept
from syncd.model import ContractId, DocumentKind, RemoteContract
from syncd.store.codec import from_json, to_json
from syncd.store.columns import Instant, Json, JsonText
from syncd.store.tables import metadata
from tests.faults.upgrade.schema import connected, migrate_to

FOLDER = Path(__file__).parents[2] / "data" / "ledgers"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Row = dict[str, Any]


@dataclass(kw_only=True)
class Recording:
    """What one version left behind: its ledger, the rows of the mission store, and what CACTUS has."""

    revision: str
    recorded_at: datetime
    ledger: dict[str, list[Row]] = field(default_factory=dict)
    missions: list[Row] = field(default_factory=list)
    cactus: Row = field(default_factory=dict)
    lives: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Mission → what had happened to it, and the step in which it ends once everybody does their part."""

    def write(self) -> Path:
        """Write it where `read_recording` finds it."""
        head = {"revision": self.revision, "recorded_at": self.recorded_at.isoformat(), "lives": self.lives}
        lines: list[Row] = [head, {"cactus": self.cactus}, *({"mission": row} for row in self.missions)]
        lines += [{"table": table, "row": row} for table, rows in self.ledger.items() for row in rows]
        file = FOLDER / f"{self.revision}.jsonl.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        text_of_all = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        file.write_bytes(gzip.compress(text_of_all.encode(), mtime=0))
        return file


def read_recording(revision: str) -> Recording:
    """Return what the version with this revision left behind."""
    packed = (FOLDER / f"{revision}.jsonl.gz").read_bytes()
    lines = [json.loads(line) for line in gzip.decompress(packed).decode().split("\n") if line]
    head = lines[0]
    recording = Recording(
        revision=head["revision"],
        recorded_at=datetime.fromisoformat(head["recorded_at"]),
        lives={mission_id: (what, ends) for mission_id, (what, ends) in head["lives"].items()},
    )
    for line in lines[1:]:
        if "table" in line:
            recording.ledger.setdefault(line["table"], []).append(line["row"])
        elif "mission" in line:
            recording.missions.append(line["mission"])
        else:
            recording.cactus = line["cactus"]
    return recording


def recorded_revisions() -> list[str]:
    """Return the revisions of which there is a recording."""
    return sorted(file.name.partition(".")[0] for file in FOLDER.glob("*.jsonl.gz"))


# --------------------------------------------------------------------------------------------------------- the ledger


def dump_ledger(url: str) -> dict[str, list[Row]]:
    """Return every row of a ledger that has this version's schema."""
    with connected(url) as connection:
        return {table.name: list(_rows(connection, table)) for table in metadata.sorted_tables}


def _rows(connection: Connection, table: Table) -> Iterator[Row]:
    for row in connection.execute(select(table).order_by(*table.primary_key.columns)).mappings():
        values = {column.name: _to_text(column.type, row[column.name]) for column in table.columns}
        yield {name: value for name, value in values.items() if value is not None}


def _to_text(kind: object, value: object) -> object:
    if value is None:
        return None
    if isinstance(kind, Instant):
        assert isinstance(value, datetime)
        return {"at": value.isoformat()}
    if isinstance(kind, JsonText):
        return {"json": json.loads(str(value))}
    return {"json": value} if isinstance(kind, Json) else value


def load_ledger(url: str, recording: Recording) -> None:
    """Make a database of the recording's own revision, with every row that it had."""
    migrate_to(url, recording.revision)
    with connected(url) as connection:
        found = MetaData()
        found.reflect(connection)
        for name, rows in recording.ledger.items():
            table = found.tables[name]
            connection.execute(delete(table))
            empty = dict.fromkeys(column.name for column in table.columns)
            values = [{column: _from_text(connection, value) for column, value in row.items()} for row in rows]
            connection.execute(insert(table), [empty | row for row in values])
        if connection.dialect.name == "postgresql":
            _go_on_counting(connection, {"letters": "letter_id", "timeline": "entry_id"})


def _from_text(connection: Connection, value: object) -> object:
    match value:
        case {"at": str() as instant}:
            moment = datetime.fromisoformat(instant)
            return (moment - _EPOCH) // _MICROSECOND if connection.dialect.name == "sqlite" else moment
        case {"json": content}:
            return json.dumps(content, separators=(",", ":"))
        case _:
            return value


def _go_on_counting(connection: Connection, keys: Mapping[str, str]) -> None:
    """Rows that were put in with their numbers do not move the database's own counting on."""
    for table, key in keys.items():
        sequence = f"pg_get_serial_sequence('{table}', '{key}')"
        connection.execute(text(f"SELECT setval({sequence}, (SELECT coalesce(max({key}), 0) + 1 FROM {table}))"))  # noqa: S608


# --------------------------------------------------------------------------------------------------------- the remote


def dump_cactus(cactus: MockCactus) -> Row:
    """Return all that a CACTUS in memory knows."""
    return {
        "contracts": [
            {
                "contract": to_json(kept.contract),
                "contents": [[str(kind), version, text.decode()] for (kind, version), text in kept.contents.items()],
            }
            for kept in cactus._kept.values()
        ],
        "keys": [[key, body, contract_id] for key, (body, contract_id) in cactus._keys.items()],
        "changed": list(cactus._changed),
        "count": cactus._count,
    }  # fmt: skip


def load_cactus(cactus: MockCactus, known: Row) -> None:
    """Let a CACTUS in memory know what another one knew."""
    for each in known["contracts"]:
        contract = from_json(RemoteContract, each["contract"])
        contents = {(DocumentKind(kind), version): text.encode() for kind, version, text in each["contents"]}
        cactus._kept[contract.contract_id] = _Kept(contract=contract, contents=contents)
        if contract.external_reference is not None:
            cactus._by_reference[contract.external_reference] = contract.contract_id
    cactus._keys |= {key: (body, ContractId(contract_id)) for key, body, contract_id in known["keys"]}
    cactus._changed += known["changed"]
    cactus._count = known["count"]
