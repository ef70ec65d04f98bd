"""Which documents are sound, and what is wrong with the others."""

import re
import zipfile
from collections.abc import AsyncIterator, Callable
from io import BytesIO

import pytest
import pytest_asyncio

from syncd.adapters.documents.pdf import LimitedPdfCheck
from syncd.adapters.documents.pdf_verdict import PdfLimits
from syncd.ports.documents import PdfCheck
from tests.adapters.documents import papers
from tests.adapters.documents.papers import FILLINGS, FORM_12, FORM_14, FORMS

PLENTY = 4 * 1024**3

EVERY_FORM = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def check() -> AsyncIterator[PdfCheck]:
    """One check for all these tests: what a document does to its reader, the next one does not notice."""
    check = LimitedPdfCheck(helper_count=1)
    yield check
    await check.aclose()


@EVERY_FORM
async def test_a_blank_official_form_is_sound(check: PdfCheck, form: bytes) -> None:
    assert await check.fault_of(form) is None


@EVERY_FORM
@pytest.mark.parametrize("fill", FILLINGS.values(), ids=FILLINGS.keys())
async def test_a_filled_official_form_is_sound(check: PdfCheck, fill: Callable[[bytes], bytes], form: bytes) -> None:
    assert await check.fault_of(fill(form)) is None


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"])
async def test_p06_a_form_protected_against_changes_is_sound_one_with_a_password_is_not(
    check: PdfCheck, algorithm: str
) -> None:
    protected = papers.protected(FORM_14, user_password="", algorithm=algorithm)
    locked = papers.protected(FORM_14, user_password="secret", algorithm=algorithm)

    assert await check.fault_of(protected) is None
    assert await check.fault_of(locked) == "encrypted"


async def test_p06_scripts_and_embedded_files_are_no_fault(check: PdfCheck) -> None:
    assert await check.fault_of(papers.scripted()) is None
    assert await check.fault_of(papers.with_attachment(FORM_12)) is None


@EVERY_FORM
@pytest.mark.parametrize("share", [0.0001, 0.1, 0.5, 0.9, 0.999])
async def test_p01_half_a_document_is_truncated(check: PdfCheck, form: bytes, share: float) -> None:
    assert await check.fault_of(form[: int(len(form) * share)]) == "truncated"


@EVERY_FORM
async def test_p01_a_hole_is_noticed_although_the_end_is_there(check: PdfCheck, form: bytes) -> None:
    middle = len(form) // 2

    assert await check.fault_of(form[:middle] + form[middle + 4096 :]) == "unreadable"


async def test_p01_the_end_mark_alone_does_not_mend_half_a_document(check: PdfCheck) -> None:
    assert await check.fault_of(FORM_14[: len(FORM_14) // 2] + b"\n%%EOF\n") == "unreadable"


def zipped() -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("cerfa.pdf", FORM_14[:1000])
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "empty"),
        (b"<!doctype html><title>Connexion</title>", "not_a_pdf"),
        (b'{"type": "about:blank", "status": 500}', "not_a_pdf"),
        (zipped(), "not_a_pdf"),
        (b"\xef\xbb\xbf" + papers.plain(), "not_a_pdf"),
        (b"%PDF-", "truncated"),
        (b"%PDF-1.7\n%%EOF\n", "unreadable"),
        (b"%PDF-1.7\n" + bytes(range(256)) * 100 + b"%%EOF\n", "unreadable"),
        (papers.no_page(), "unreadable"),
    ],
)
async def test_p02_what_is_no_document_is_named(check: PdfCheck, content: bytes, fault: str) -> None:
    assert await check.fault_of(content) == fault


async def test_p04_a_document_beyond_the_cap_is_not_even_read() -> None:
    small = papers.plain()
    check = LimitedPdfCheck(max_bytes=len(small))

    assert await check.fault_of(small + b"\n") == "too_large"
    assert await check.fault_of(small) is None
    await check.aclose()


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        (papers.flate_bomb(100_000_000), {"too_costly"}),
        (papers.deeply_nested(400_000), {"unreadable", "too_costly"}),
        (papers.deep_page_tree(5_000), {"unreadable", "too_costly"}),
        (papers.page_tree_loop(), {"unreadable", "too_costly"}),
        (papers.many_pages(20_000), {None, "unreadable", "too_costly"}),
        (papers.xref_loop(), {None, "unreadable", "too_costly"}),
    ],
    ids=["flate bomb", "deep nesting", "deep page tree", "page tree loop", "very many pages", "xref loop"],
)
async def test_p06_a_hostile_document_gets_a_verdict(check: PdfCheck, content: bytes, faults: set[str | None]) -> None:
    assert await check.fault_of(content) in faults
    assert await check.fault_of(papers.plain()) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "content"),
    [
        (PdfLimits(memory_bytes=PLENTY, cpu_s=1), papers.slow_to_unpack(20_000_000)),
        (PdfLimits(memory_bytes=PLENTY, wall_s=1), papers.slow_to_unpack(20_000_000)),
        (PdfLimits(memory_bytes=128 * 1024 * 1024), papers.flate_bomb(70_000_000)),
    ],
    ids=["computing time", "wall time", "memory"],
)
async def test_p06_each_limit_ends_a_document_that_costs_too_much(limits: PdfLimits, content: bytes) -> None:
    check = LimitedPdfCheck(limits=limits)

    fault = await check.fault_of(content)

    await check.aclose()
    assert fault == "too_costly"


async def test_p06_a_document_within_the_memory_limit_is_sound(check: PdfCheck) -> None:
    assert await check.fault_of(papers.flate_bomb(70_000_000)) is None


async def test_every_fault_is_one_word_that_may_be_shown(check: PdfCheck) -> None:
    faults = [await check.fault_of(content) for content in (b"", b"x", b"%PDF-", papers.no_page())]

    assert all(fault is not None and re.fullmatch("[a-z_]+", fault) for fault in faults)
