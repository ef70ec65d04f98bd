"""The two papers of a professionalisation contract, as the continuing-education office would return them."""

from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from syncd.demo.rows import Row
from syncd.model import DocumentKind

_TITLES = {
    DocumentKind.CERFA: "Contrat de professionnalisation (Cerfa 12434)",
    DocumentKind.CONVENTION: "Convention de formation",
}


def print_paper(kind: DocumentKind, mission: Row) -> bytes:
    """Return a one-page PDF that says whose paper it stands for, and that it is none."""
    page = BytesIO()
    canvas = Canvas(page, pagesize=A4, invariant=True)
    canvas.setTitle(_TITLES[kind])
    canvas.setFont("Helvetica-Bold", 16)
    canvas.drawString(25 * mm, 265 * mm, _TITLES[kind])
    canvas.setFont("Helvetica", 11)
    for number, line in enumerate(_lines(mission)):
        canvas.drawString(25 * mm, (250 - 8 * number) * mm, line)
    canvas.save()
    return page.getvalue()


def _lines(mission: Row) -> tuple[str, ...]:
    return (
        "SPÉCIMEN — sans valeur : personnes et entreprises inventées.",
        f"Mission : {mission['mission_id']}",
        f"Salarié : {mission['student_first_name']} {mission['student_last_name']}",
        f"Employeur : {mission['company_name']}, SIRET {mission['company_siret']}",
        f"Formation : {mission['programme']}, {mission['academic_year']}",
        f"Contrat du {mission['contract_starts_on']} au {mission['contract_ends_on']}",
    )
