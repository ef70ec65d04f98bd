"""Prints a specimen of the apprenticeship contract, laid out like the form Cerfa 10103."""

from syncd.adapters.cactus.simulator.cerfa_parties import draw_apprentice, draw_employer, draw_mentor
from syncd.adapters.cactus.simulator.cerfa_terms import draw_contract, draw_reserved, draw_signatures, draw_training
from syncd.adapters.cactus.simulator.contracts import Contract
from syncd.adapters.cactus.simulator.sheet import BOLD, HEIGHT, ITALIC, MARGIN, WIDTH, Sheet


def print_cerfa(contract: Contract, version: int) -> bytes:
    """Return the form as a PDF of two pages."""
    reference = contract.body.external_reference or "sans référence"
    sheet = Sheet("Contrat d’apprentissage (spécimen)", subject=f"{contract.contract_id} {reference}")
    footer = (
        f"Document fictif produit par un simulateur, sans valeur juridique. "
        f"Contrat {contract.contract_id}, référence {reference}, version {version}"
    )
    sheet.begin_page()
    _heading(sheet)
    top = sheet.y
    draw_employer(sheet, contract)
    draw_apprentice(sheet, contract)
    draw_mentor(sheet, contract)
    sheet.frame(top, sheet.y)
    sheet.finish_page(f"{footer}, page 1 sur 2.")
    sheet.begin_page()
    top = sheet.y
    draw_contract(sheet, contract)
    draw_training(sheet, contract)
    draw_signatures(sheet, contract)
    draw_reserved(sheet)
    sheet.frame(top, sheet.y)
    sheet.finish_page(f"{footer}, page 2 sur 2.")
    return sheet.content()


def _heading(sheet: Sheet) -> None:
    sheet.text("Contrat d’apprentissage", WIDTH / 2, HEIGHT - 44, font=BOLD, size=16, anchor="middle")
    sheet.text("(art. L6211-1 et suivants du code du travail)", WIDTH / 2, HEIGHT - 57, size=8.5, anchor="middle")
    sheet.text("SIMULATEUR CACTUS", MARGIN, HEIGHT - 40, font=BOLD, size=9)
    sheet.text("Aucune donnée réelle", MARGIN, HEIGHT - 51, size=7.5)
    sheet.canvas.ellipse(WIDTH - MARGIN - 66, HEIGHT - 48, WIDTH - MARGIN - 4, HEIGHT - 24, stroke=1, fill=0)
    sheet.text("spécimen", WIDTH - MARGIN - 35, HEIGHT - 39.5, font=ITALIC, size=10, anchor="middle")
    sheet.text("d’après le N° 10103", WIDTH - MARGIN - 35, HEIGHT - 58, size=7, anchor="middle")
    sheet.y = HEIGHT - 76
