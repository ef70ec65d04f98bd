"""Prints a specimen of the convention d'accompagnement: two pages of sober text."""

from reportlab.lib.utils import simpleSplit

from syncd.adapters.cactus.simulator.articles import articles_of, parties_of
from syncd.adapters.cactus.simulator.contracts import Contract
from syncd.adapters.cactus.simulator.sheet import BOLD, HEIGHT, PLAIN, WIDTH, Sheet, latin

SIDE = 62.0
TEXT_WIDTH = WIDTH - 2 * SIDE
TEXT_SIZE = 10.6
LEADING = 15.4
LOWEST_LINE = 58.0
FIRST_OVERLEAF = 5
"""The article that begins the second page."""


def print_convention(contract: Contract, version: int) -> bytes:
    """Return the convention as a PDF of two pages."""
    reference = contract.body.external_reference or "sans référence"
    sheet = Sheet("Convention d’accompagnement (spécimen)", subject=f"{contract.contract_id} {reference}")
    footer = f"Document fictif, sans valeur juridique. Contrat {contract.contract_id}, {reference}, version {version}"
    sheet.begin_page()
    _title(sheet, contract)
    _say(sheet, "Entre les soussignés", font=BOLD)
    for party in parties_of(contract.body):
        _say(sheet, party, indent=14)
    _say(sheet, "il a été convenu ce qui suit.")
    articles = articles_of(contract.body)
    for number, article in enumerate(articles, start=1):
        if number == FIRST_OVERLEAF:
            sheet.finish_page(f"{footer}, page 1 sur 2.")
            sheet.begin_page()
            sheet.y = HEIGHT - 70
        sheet.y -= 7
        _say(sheet, f"Article {number}. {article.title}", font=BOLD)
        for paragraph in article.text.splitlines():
            _say(sheet, paragraph)
    _signatures(sheet)
    sheet.finish_page(f"{footer}, page 2 sur 2.")
    return sheet.content()


def _title(sheet: Sheet, contract: Contract) -> None:
    sheet.text("SIMULATEUR CACTUS", SIDE, HEIGHT - 48, font=BOLD, size=9)
    sheet.text("Aucune donnée réelle", SIDE, HEIGHT - 59, size=7.5)
    sheet.text("Convention d’accompagnement", WIDTH / 2, HEIGHT - 96, font=BOLD, size=18, anchor="middle")
    subtitle = f"Contrat d’apprentissage, année universitaire {contract.body.academic_year}"
    sheet.text(subtitle, WIDTH / 2, HEIGHT - 114, size=10.5, anchor="middle")
    sheet.canvas.line(SIDE, HEIGHT - 128, WIDTH - SIDE, HEIGHT - 128)
    sheet.y = HEIGHT - 150


def _say(sheet: Sheet, words: str, *, font: str = PLAIN, indent: float = 0) -> None:
    for line in simpleSplit(latin(words), font, TEXT_SIZE, TEXT_WIDTH - indent):
        # The page holds what these articles need; only texts far too long could pass its end, and they are cut there.
        if sheet.y < LOWEST_LINE:
            return
        sheet.text(line, SIDE + indent, sheet.y, font=font, size=TEXT_SIZE)
        sheet.y -= LEADING
    sheet.y -= 6


def _signatures(sheet: Sheet) -> None:
    width = (TEXT_WIDTH - 20) / 3
    top = sheet.y - 8
    for number, words in enumerate(("L’établissement", "L’entreprise", "L’apprenti(e)")):
        x = SIDE + number * (width + 10)
        sheet.canvas.rect(x, top - 92, width, 92, stroke=1, fill=0)
        sheet.text(words, x + 6, top - 14, font=BOLD, size=9)
        sheet.text("Date et signature", x + 6, top - 26, size=7.5)
