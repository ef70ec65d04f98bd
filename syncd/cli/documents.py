"""`syncd documents`: list, export, add."""

import asyncio
import hashlib
import os
from pathlib import Path

import click

from syncd.cli.asking import find, ledger_of, run_async
from syncd.cli.context import Invocation, SyncdGroup, json_option
from syncd.cli.decisions import settle_now
from syncd.cli.output import CommandFailed, Exit, local, print_json, print_table
from syncd.cli.shown import show_document
from syncd.clock import SystemClock
from syncd.model import DocumentKind, Facts, StoredDocument, Track
from syncd.ports.documents import DocumentName
from syncd.ports.ledger import Amendment, TimelineEntry
from syncd.ports.reading import ContractView
from syncd.standing import has_been_sent
from syncd.transitions import store_document
from syncd.wiring.works import check_pdf, open_vault

_KINDS = click.Choice([kind.value for kind in DocumentKind])
_MOST_BYTES = 20 * 1024 * 1024


@click.group(cls=SyncdGroup)
def documents() -> None:
    """The Cerfa and the convention of a contract."""


@documents.command("list")
@click.argument("mission")
@json_option
@click.pass_obj
def list_documents(invocation: Invocation, mission: str) -> None:
    """List the documents of a contract, every version."""
    view = run_async(_view(invocation, mission))
    listed = show_document(view)["documents"]
    if invocation.as_json:
        print_json({"mission_id": view.row.mission_id, "documents": listed})
        return
    rows = [
        (d.kind, d.version, d.size, local(d.stored_at), "superseded" if d.superseded_at else "current", d.sha256)
        for d in view.facts.documents
    ]
    print_table(("kind", "version", "bytes", "stored", "state", "sha256"), rows)


async def _view(invocation: Invocation, mission: str) -> ContractView:
    async with ledger_of(invocation) as ledger:
        return await find(ledger, mission)


@documents.command()
@click.argument("mission")
@click.option("--kind", required=True, type=_KINDS)
@click.option("--version", type=click.IntRange(min=1), help="Default: the current one.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The file to write; it must not exist.")
@json_option
@click.pass_obj
def export(invocation: Invocation, mission: str, kind: str, version: int | None, output: Path) -> None:
    """Decrypt one document into a file that only you can read; the access is recorded."""
    document = run_async(_export(invocation, mission, DocumentKind(kind), version, output))
    if invocation.as_json:
        print_json({"kind": document.kind, "version": document.version, "sha256": document.sha256, "output": output})
        return
    click.echo(f"{output}: {document.kind}, version {document.version}. It has personal data: delete it after use.")


async def _export(
    invocation: Invocation, mission: str, kind: DocumentKind, version: int | None, output: Path
) -> StoredDocument:
    async with ledger_of(invocation) as ledger:
        view = await find(ledger, mission)
        document = _chosen(view.facts, kind, version)
        vault = await open_vault(invocation.load_settings(), ledger)
        name = DocumentName(mission_id=view.facts.mission_id, kind=kind, version=document.version)
        content = await vault.load(name, document.file_id)
        if hashlib.sha256(content).hexdigest() != document.sha256:
            raise CommandFailed("the stored document is damaged", hint="Fetch it again from CACTUS: syncd resync.")
        entry = TimelineEntry(event="document.exported", detail={"kind": kind, "version": document.version})
        await ledger.note(view.facts.mission_id, entry, now=SystemClock().now())
    _write(output, content)
    return document


def _chosen(facts: Facts, kind: DocumentKind, version: int | None) -> StoredDocument:
    of_kind = [document for document in facts.documents if document.kind is kind]
    chosen = (
        next((document for document in of_kind if document.version == version), None)
        if version is not None
        else facts.current_document(kind) or max(of_kind, key=lambda document: document.version, default=None)
    )
    if chosen is None:
        raise CommandFailed(f"{facts.mission_id} has no such {kind}", exit_code=Exit.NOTHING_MATCHES)
    return chosen


def _write(output: Path, content: bytes) -> None:
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandFailed(f"{output} exists already", hint="Choose another name; nothing is overwritten.") from None
    except OSError as error:
        raise CommandFailed(f"{output} cannot be written ({error.strerror})") from error
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


@documents.command()
@click.argument("mission")
@click.option("--kind", required=True, type=_KINDS)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@click.pass_obj
def add(invocation: Invocation, mission: str, kind: str, file: Path) -> None:
    """Take in a document of a professionalisation contract (any contract, where CACTUS serves no documents).

    A newer one supersedes the one before.
    """
    view, document = run_async(_add(invocation, mission, DocumentKind(kind), file))
    if invocation.as_json:
        print_json(show_document(view))
        return
    click.echo(f"{view.row.mission_id}: {document.kind}, version {document.version}, is stored.")


async def _add(
    invocation: Invocation, mission: str, kind: DocumentKind, file: Path
) -> tuple[ContractView, StoredDocument]:
    content = await _checked(file)
    async with ledger_of(invocation) as ledger:
        view = await find(ledger, mission)
        _require_papers_by_hand(view.facts, invocation.load_settings().cactus.documents)
        taken = [document.version for document in view.facts.documents if document.kind is kind]
        version = max(taken, default=0) + 1
        vault = await open_vault(invocation.load_settings(), ledger)
        file_id = await vault.store(DocumentName(mission_id=view.facts.mission_id, kind=kind, version=version), content)
        now = SystemClock().now()
        document = StoredDocument(
            kind=kind, version=version, remote_version=None, sha256=hashlib.sha256(content).hexdigest(),
            size=len(content), stored_at=now, file_id=file_id,
        )  # fmt: skip

        def take_in(facts: Facts) -> Amendment:
            entry = TimelineEntry(event="document.added", detail={"kind": kind, "version": version})
            return Amendment(facts=store_document(facts, document, now=now), entries=(entry,))

        await ledger.amend([view.facts.mission_id], take_in, now=now)
        return await settle_now(invocation, ledger, view.facts.mission_id), document


def _require_papers_by_hand(facts: Facts, cactus_has_documents: bool) -> None:
    if facts.mission.track is not Track.PROFESSIONNALISATION and cactus_has_documents:
        raise CommandFailed(
            f"{facts.mission_id} is an apprenticeship: its documents come from CACTUS",
            exit_code=Exit.USAGE,
            hint="`syncd resync` asks CACTUS again.",
        )
    if not has_been_sent(facts):
        raise CommandFailed(
            f"{facts.mission_id} is not decided yet: nobody was told", hint="`syncd show` says why it waits."
        )


def _read(file: Path) -> bytes:
    if file.stat().st_size > _MOST_BYTES:
        raise CommandFailed(f"{file} is larger than 20 MiB", exit_code=Exit.USAGE)
    return file.read_bytes()


async def _checked(file: Path) -> bytes:
    content = await asyncio.to_thread(_read, file)
    if (fault := await check_pdf(content)) is not None:
        raise CommandFailed(f"{file} is not a sound PDF ({fault})", hint="Ask the office for the file again.")
    return content
