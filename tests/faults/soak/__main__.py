"""Soak a daemon on each database for so many minutes, and say whether anything grew or was lost."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path

from tests.faults.soak.databases import Database, SqliteFile, postgres_database
from tests.faults.soak.plan import Plan, plan_of
from tests.faults.soak.site import open_site
from tests.faults.soak.soak import Record, soak_all
from tests.support.postgres import postgres_server

_LEDGERS = ("sqlite", "postgresql")


def main() -> int:
    """Run, print, and return 1 when there is a finding."""
    options = _options()
    records = asyncio.run(_run(plan_of(options.minutes), options.ledger or _LEDGERS))
    for record in records:
        _show(record)
    if options.series is not None:
        _append(options.series, ({"site": r.site, **asdict(sample)} for r in records for sample in r.series))
    if options.figures is not None:
        _append(options.figures, (figures_of(record) for record in records))
    return 1 if any(record.findings for record in records) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--ledger", action="append", choices=_LEDGERS, help="only on this one")
    parser.add_argument("--figures", type=Path, metavar="FILE", help="append what was measured, as JSON lines")
    parser.add_argument("--series", type=Path, metavar="FILE", help="append every sample, as JSON lines")
    return parser.parse_args()


async def _run(plan: Plan, ledgers: Iterable[str]) -> list[Record]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="syncd-soak-")))
        sites = []
        for name in ledgers:
            database: Database = SqliteFile(folder / "ledger.sqlite3")
            if name == "postgresql":
                database = stack.enter_context(postgres_database(stack.enter_context(postgres_server())))
            site = open_site(name, folder / name, database, thinking_s=plan.thinking_s)
            sites.append(await stack.enter_async_context(site))
        return await soak_all(sites, plan, lambda line: print(line, flush=True))


def figures_of(record: Record) -> dict[str, object]:
    """Return a run's figures, flat."""
    verdict = record.verdict
    assert verdict is not None
    counts = {f"{name}_{when}": value for name, both in verdict.quarters.items()
              for when, value in zip(("first", "last"), both, strict=True)}  # fmt: skip
    stepped: dict[str, object] = {}
    if verdict.stepped is not None:
        line = verdict.stepped
        stepped = {"memory_mb_per_h_beside_a_step": round(line.mb_per_h, 2), "step_mb": round(line.step_mb, 2)}
    return {
        "what": "soak", "site": record.site, "lasted_s": round(record.series[-1].at_s), "missions": record.missions,
        "letters": record.letters, "repeated_letters": record.repeated_letters,
        "breakages": record.breakages.total(), "kinds": len(record.breakages),
        "longest_calm_s": round(record.longest_calm_s, 1),
        "memory_mb_per_h": round(verdict.memory_mb_per_h, 2), "memory_grown_mb": verdict.grown_mb,
        "memory_mb_first": verdict.memory_mb[0], "memory_mb_last": verdict.memory_mb[1], **stepped, **counts,
        "exit_code": record.exit_code, "end_took_s": round(record.end_took_s, 2), "findings": len(record.findings),
    }  # fmt: skip


def _show(record: Record) -> None:
    print(f"\n{record.site}: {'; '.join(record.findings) or 'nothing grew, nothing was lost, nothing was done twice'}")
    for name, value in figures_of(record).items():
        print(f"  {name:20} {value}")
    print(f"  {'steps':20} {dict(record.steps)}")


def _append(file: Path, lines: Iterable[dict[str, object]]) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
