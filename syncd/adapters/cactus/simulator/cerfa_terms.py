"""The second page of the contract specimen: dates and pay, training, signatures, reserved section."""

from syncd.adapters.cactus.simulator.contracts import Contract
from syncd.adapters.cactus.simulator.sheet import BOLD, ITALIC, MARGIN, PLAIN, WIDTH, Box, Row, Sheet, Ticks, Words
from syncd.adapters.cactus.simulator.vocabulary import french_day, grouped_siret, written_day

TRAINING_CENTRE = "CFA Epure Méditerranée"
TRAINING_CENTRE_UAI = "0133489X"
TRAINING_CENTRE_SIRET = "39391439500057"
UNIVERSITY = "Aix-Marseille Université, MIAGE"
UNIVERSITY_UAI = "0134009M"
UNIVERSITY_SIRET = "13001533200013"
YES_NO = ("Oui", "Non")


def draw_contract(sheet: Sheet, contract: Contract) -> None:
    """Draw the section of dates and pay."""
    sheet.banner("LE CONTRAT")
    sheet.columns([*_dates(contract), *_pay(contract), (Box(label="Mission :", value=contract.body.mission_title),)])


def _dates(contract: Contract) -> list[Row]:
    body, typed = contract.body, contract.company.typed
    return [
        (Box(label="Type de contrat ou d’avenant :", value="11 – premier contrat"),
         Box(label="Type de dérogation :")),
        (Box(label="Date de début d’exécution du contrat :", value=french_day(body.contract_starts_on), is_bold=True),
         Box(label="Date de fin du contrat :", value=french_day(body.contract_ends_on), is_bold=True)),
        (Box(label="Début de formation pratique chez l’employeur :",
             value=written_day(typed.get("practice_starts_on", ""))),
         Box(label="Durée hebdomadaire du travail (heures) :", value=typed.get("weekly_hours", ""))),
        (Ticks(label="Travail sur machines dangereuses ou exposition à des risques particuliers :", options=YES_NO,
               ticked=typed.get("dangerous_machines", "")),),
    ]  # fmt: skip


def _pay(contract: Contract) -> list[Row]:
    body, typed = contract.body, contract.company.typed
    return [
        (Words(text="Rémunération"), Words(text="(SMIC ou salaire minimum conventionnel)", font=ITALIC)),
        (Box(label="1ère année, du", value=french_day(body.contract_starts_on), share=0.3),
         Box(label="au", value=french_day(body.contract_ends_on), share=0.22),
         Box(label=":", value=typed.get("pay_share", ""), share=0.12),
         Words(text="% du SMIC", font=PLAIN, share=0.36)),
        *(_empty_year(year) for year in ("2ème", "3ème", "4ème")),
        (Box(label="Salaire brut mensuel à l’embauche (€) :", value=typed.get("gross_salary", "")),
         Box(label="Caisse de retraite complémentaire :", value=typed.get("pension_fund", ""))),
        (Box(label="Avantages en nature, nourriture (€ / repas) :"), Box(label="Logement (€ / mois) :")),
    ]  # fmt: skip


def _empty_year(year: str) -> Row:
    return (
        Box(label=f"{year} année, du", share=0.3),
        Box(label="au", share=0.22),
        Box(label=":", share=0.12),
        Words(text="% du", font=PLAIN, share=0.36),
    )


def draw_training(sheet: Sheet, contract: Contract) -> None:
    """Draw the section of the training."""
    sheet.banner("LA FORMATION")
    sheet.columns(_centre(contract), _diploma(contract))


def _centre(contract: Contract) -> list[Row]:
    body = contract.body
    return [
        (Ticks(label="CFA d’entreprise :", options=YES_NO, ticked="Non"),),
        (Words(text="Dénomination du CFA responsable :"),),
        (Box(label="", value=TRAINING_CENTRE),),
        (Box(label="N° UAI du CFA :", value=TRAINING_CENTRE_UAI),),
        (Box(label="N° SIRET du CFA :", value=grouped_siret(TRAINING_CENTRE_SIRET)),),
        (Words(text="Lieu principal de formation :"),),
        (Box(label="", value=f"{UNIVERSITY}, campus : {body.campus}"),),
        (Box(label="N° UAI :", value=UNIVERSITY_UAI, share=0.42),
         Box(label="N° SIRET :", value=grouped_siret(UNIVERSITY_SIRET), share=0.58)),
    ]  # fmt: skip


def _diploma(contract: Contract) -> list[Row]:
    body = contract.body
    return [
        (Words(text="Diplôme ou titre visé par l’apprenti(e) :"),),
        (Box(label="", value=f"Niveau {body.level}"),),
        (Box(label="Intitulé précis :", value=body.programme),),
        (Box(label="Code du diplôme :", share=0.55), Box(label="Code RNCP :", value="39278", share=0.45)),
        (Words(text="Organisation de la formation en CFA :"),),
        (Box(label="Date de début de formation en CFA :", value=french_day(body.training_starts_on)),),
        (Box(label="Date prévue de fin des épreuves :", value=french_day(body.training_ends_on)),),
        (Box(label="Durée de la formation (heures) :"),),
    ]  # fmt: skip


def draw_signatures(sheet: Sheet, contract: Contract) -> None:
    """Draw the boxes to sign in."""
    attested = "L’employeur atteste disposer des pièces justificatives nécessaires au dépôt du contrat."
    typed = contract.company.typed
    sheet.columns(
        [
            (Ticks(label="", options=(attested,), ticked=attested if typed else ""),),
            (Box(label="Fait à :", value=typed.get("signed_at", ""), share=0.4), Words(text="", share=0.6)),
        ]
    )
    width = (WIDTH - 2 * MARGIN - 8 - 2 * 10) / 3
    signatories = ("Signature de l’employeur", "Signature de l’apprenti(e)", "Visa du CFA (cachet et signature)")
    for number, words in enumerate(signatories):
        x = MARGIN + 4 + number * (width + 10)
        sheet.canvas.rect(x, sheet.y - 100, width, 98, stroke=1, fill=0)
        sheet.text(words, x + 4, sheet.y - 12, font=BOLD)
    sheet.y -= 112


def draw_reserved(sheet: Sheet) -> None:
    """Draw the section that the receiving office fills."""
    sheet.banner("CADRE RÉSERVÉ À L’ORGANISME EN CHARGE DU DÉPÔT DU CONTRAT")
    sheet.columns(
        [
            (Box(label="Nom de l’organisme :"),),
            (Box(label="Date de réception du dossier complet :"),),
            (Box(label="N° de dépôt :"),),
        ],
        [
            (Box(label="N° SIRET de l’organisme :"),),
            (Box(label="Date de la décision :"),),
            (Box(label="Numéro d’avenant :"),),
        ],
    )
