"""`syncd migrate`, `doctor`, `purge`: looking after an installation."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import click

from syncd.cli.asking import confirm, ledger_of, run_async
from syncd.cli.context import Invocation, SyncdCommand, json_option
from syncd.cli.output import Exit, print_json, print_table
from syncd.clock import SystemClock
from syncd.errors import SyncdError
from syncd.jobs.purge import find_expired, purge_documents
from syncd.settings import Settings
from syncd.wiring.adapters import cactus_adapter, mission_store
from syncd.wiring.reading import open_reading
from syncd.wiring.works import open_vault


@click.command(cls=SyncdCommand)
@json_option
@click.pass_obj
def migrate(invocation: Invocation) -> None:
    """Bring the ledger's database to this version."""
    is_ours = run_async(_migrate(invocation))
    if invocation.as_json:
        print_json({"migrated": is_ours, "newer": not is_ours})
        return
    click.echo("The database is at this version." if is_ours else _NEWER)


_NEWER = (
    "A newer version of syncd has migrated the database: nothing was changed, and this version works with it. "
    "It leaves alone what it does not understand (`syncd status` lists that): upgrade it soon."
)


async def _migrate(invocation: Invocation) -> bool:
    async with open_reading(invocation.load_settings()) as ledger:
        return await ledger.migrate()


# ---------------------------------------------------------------------------------------------------------- doctor


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one examination said."""

    what: str
    ok: bool
    detail: str


@click.command(cls=SyncdCommand)
@json_option
@click.pass_obj
def doctor(invocation: Invocation) -> None:
    """Examine the installation: configuration, ledger, mission store, CACTUS, documents, addresses (exit 6 if ill)."""
    findings = run_async(_examine(invocation.load_settings()))
    is_well = all(finding.ok for finding in findings)
    if invocation.as_json:
        print_json({"healthy": is_well, "findings": findings})
    else:
        print_table(("", "examined", "finding"), [("ok" if f.ok else "!!", f.what, f.detail) for f in findings])
    if not is_well:
        raise click.exceptions.Exit(Exit.UNHEALTHY)


async def _examine(settings: Settings) -> list[Finding]:
    missing = settings.missing_for_run()
    findings = [Finding(what="configuration", ok=not missing, detail="; ".join(map(str, missing)) or "complete")]
    findings += [_addresses(settings), _exposed(settings)]
    for what, examine in _EXAMINATIONS.items():
        try:
            findings.append(Finding(what=what, ok=True, detail=await examine(settings)))
        except SyncdError as error:
            advice = f" → {error.hint}" if error.hint else ""
            findings.append(Finding(what=what, ok=False, detail=f"{error.message}{advice}"))
    return findings


def _addresses(settings: Settings) -> Finding:
    unset = [name for name, value in settings.mail.addresses.model_dump().items() if value is None]
    detail = f"no address for {', '.join(unset)}: their letters wait" if unset else "every office has one"
    return Finding(what="addresses", ok=not unset, detail=detail)


def _exposed(settings: Settings) -> Finding:
    exposed = settings.exposed_secrets()
    return Finding(what="secrets", ok=not exposed, detail="; ".join(map(str, exposed)) or "none is readable by others")


async def _ledger(settings: Settings) -> str:
    async with open_reading(settings) as ledger:
        return f"{sum((await ledger.count_by_step()).values())} contracts"


async def _missions(settings: Settings) -> str:
    store = mission_store(settings)
    try:
        await store.check()
    finally:
        await store.aclose()
    return "readable, with all key columns"


async def _cactus(settings: Settings) -> str:
    cactus = cactus_adapter(settings, SystemClock())
    try:
        if not cactus.capabilities.change_feed:
            return "not examined: it has no change feed"
        await cactus.changes(None, limit=1)
    finally:
        await cactus.aclose()
    return "answers, accepts our credentials"


async def _vault(settings: Settings) -> str:
    async with open_reading(settings) as ledger:
        await open_vault(settings, ledger)
        own = settings.documents.key is None
    return "the key made at the first start is used: keep a copy elsewhere" if own else "the key is the right one"


_EXAMINATIONS: dict[str, Callable[[Settings], Awaitable[str]]] = {
    "ledger": _ledger,
    "mission store": _missions,
    "CACTUS": _cactus,
    "documents": _vault,
}


# ----------------------------------------------------------------------------------------------------------- purge


@click.command(cls=SyncdCommand)
@click.option("--dry-run", is_flag=True, help="Only say how many.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def purge(invocation: Invocation, dry_run: bool, yes: bool) -> None:
    """Delete documents whose retention is over; the audit trail stays."""
    count = run_async(_purge(invocation, dry_run=dry_run, is_sure=yes))
    if invocation.as_json:
        print_json({"purged": 0 if dry_run else count, "expired": count})
        return
    click.echo(f"{count} documents {'are due to be' if dry_run else 'were'} purged.")


async def _purge(invocation: Invocation, *, dry_run: bool, is_sure: bool) -> int:
    settings, clock = invocation.load_settings(), SystemClock()
    policy, kept_for = settings.policy(), timedelta(days=settings.documents.retention_days)
    async with ledger_of(invocation) as ledger:
        expired = await find_expired(ledger, policy, now=clock.now(), kept_for=kept_for)
        count = sum(len(documents) for documents in expired.values())
        if dry_run or not count:
            return count
        confirm(f"Delete {count} documents for ever?", is_sure=is_sure)
        vault = await open_vault(settings, ledger)
        return await purge_documents(expired, ledger, vault, now=clock.now())
