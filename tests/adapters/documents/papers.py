"""PDFs to try: the official forms, blank and filled, and small ones written by hand, some of them hostile."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path

from pypdf import PdfReader, PdfWriter

DATA = Path(__file__).parents[2] / "data"
FORM_12 = (DATA / "cerfa_10103-12.pdf").read_bytes()
FORM_14 = (DATA / "cerfa_10103-14.pdf").read_bytes()
FORMS = {"form-12": FORM_12, "form-14": FORM_14}


def write(writer: PdfWriter) -> bytes:
    """Return what a writer writes."""
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def fill(writer: PdfWriter, *, flatten: bool = False) -> None:
    """Write something into every text field of every page."""
    fields = dict.fromkeys(writer.get_form_text_fields(full_qualified_name=True), "Étudiante Inventée")
    for page in writer.pages:
        writer.update_page_form_field_values(page, fields, auto_regenerate=False, flatten=flatten)


def filled(form: bytes) -> bytes:
    """Return a form whose text fields were filled by a program."""
    writer = PdfWriter(clone_from=BytesIO(form))
    fill(writer)
    return write(writer)


def flattened(form: bytes) -> bytes:
    """Return a filled form whose fields have become drawing."""
    writer = PdfWriter(clone_from=BytesIO(form))
    fill(writer, flatten=True)
    writer.remove_annotations(subtypes="/Widget")
    return write(writer)


def incrementally_filled(form: bytes) -> bytes:
    """Return a filled form as a reader program saves it: the original bytes, then what has changed."""
    writer = PdfWriter(BytesIO(form), incremental=True)
    fill(writer)
    return write(writer)


def filled_twice(form: bytes) -> bytes:
    """Return a form that two people filled one after the other."""
    return incrementally_filled(incrementally_filled(form))


def appended(form: bytes) -> bytes:
    """Return the form's pages in a new document."""
    writer = PdfWriter()
    writer.append(PdfReader(BytesIO(form)))
    return write(writer)


def protected(form: bytes, *, user_password: str, algorithm: str = "AES-256") -> bytes:
    """Return an encrypted form; without a user password it opens freely and only forbids changes."""
    writer = PdfWriter(clone_from=BytesIO(form))
    writer.encrypt(user_password=user_password, owner_password="only for the office", algorithm=algorithm)
    return write(writer)


def with_attachment(form: bytes) -> bytes:
    """Return a form that carries another file."""
    writer = PdfWriter(clone_from=BytesIO(form))
    writer.add_attachment("unused.exe", b"MZ")
    return write(writer)


FILLINGS: Mapping[str, Callable[[bytes], bytes]] = {
    each.__name__: each for each in (filled, flattened, incrementally_filled, filled_twice, appended, with_attachment)
}


def by_hand(objects: Sequence[bytes]) -> bytes:
    """Return a PDF of these numbered objects, from 1 on, with a right cross-reference table; 1 is the catalogue."""
    content = b"%PDF-1.7\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(content))
    return content + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer


def stream(body: bytes, entries: bytes = b"") -> bytes:
    """Return a stream object."""
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(body), entries, body)


def one_page(*contents: bytes, catalogue: bytes = b"", page: bytes = b"/Contents 4 0 R") -> bytes:
    """Return a PDF of one page whose drawing is the first of these objects."""
    return by_hand(
        [
            b"<< /Type /Catalog /Pages 2 0 R %s >>" % catalogue,
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] %s >>" % page,
            *contents,
        ]
    )


def plain() -> bytes:
    """Return the smallest sound document."""
    return one_page(stream(b"0 0 m"))


def scripted() -> bytes:
    """Return a PDF that wants to run a script when it is opened."""
    script = b"/OpenAction << /S /JavaScript /JS (while \\(true\\) app.alert\\('never run'\\)) >>"
    return one_page(stream(b"0 0 m"), catalogue=script)


def flate_bomb(size_bytes: int) -> bytes:
    """Return a small PDF whose page unpacks to this size, twice packed."""
    packed = zlib.compress(zlib.compress(bytes(size_bytes)))
    return one_page(stream(packed, b"/Filter [/FlateDecode /FlateDecode]"))


def slow_to_unpack(size_bytes: int) -> bytes:
    """Return a PDF whose page keeps a decoder written in Python busy."""
    packed = zlib.compress(b"\x00a" * (size_bytes // 2))
    return one_page(stream(packed, b"/Filter [/FlateDecode /RunLengthDecode]"))


def deeply_nested(depth: int) -> bytes:
    """Return a PDF whose page has an array in an array in an array…"""
    return one_page(stream(b"0 0 m"), page=b"/Contents 4 0 R /Nested " + b"[" * depth + b"]" * depth)


def deep_page_tree(depth: int) -> bytes:
    """Return a PDF whose only page hangs under many page tree nodes."""
    nodes = [b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % (number + 1) for number in range(2, depth + 2)]
    page = b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 9 9] >>" % (depth + 1)
    return by_hand([b"<< /Type /Catalog /Pages 2 0 R >>", *nodes, page])


def page_tree_loop() -> bytes:
    """Return a PDF whose page tree is its own child."""
    return by_hand([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"])


def xref_loop() -> bytes:
    """Return a PDF whose cross-reference table names itself as its predecessor."""
    content = plain()
    start = content.rindex(b"startxref\n") + len(b"startxref\n")
    offset = int(content[start:].split(b"\n")[0])
    return content.replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev %d" % offset)


def many_pages(count: int) -> bytes:
    """Return a PDF that draws one page very often."""
    kids = b" ".join([b"3 0 R"] * count)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"
    return by_hand(
        [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count), page]
    )


def no_page() -> bytes:
    """Return a PDF without any page."""
    return by_hand([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 0 >>"])
