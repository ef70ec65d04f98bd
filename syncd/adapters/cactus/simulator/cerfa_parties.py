"""The first page of the contract specimen: employer, apprentice, mentor."""

from syncd.adapters.cactus.simulator.contracts import Contract
from syncd.adapters.cactus.simulator.sheet import ITALIC, Box, Row, Sheet, Ticks, Words
from syncd.adapters.cactus.simulator.vocabulary import grouped_siret, written_day

YES_NO = ("Oui", "Non")


def draw_employer(sheet: Sheet, contract: Contract) -> None:
    """Draw the section of the employer."""
    kind = contract.company.typed.get("employer_kind", "")
    sheet.banner("L’EMPLOYEUR")
    sheet.columns([(Ticks(label="", options=("Employeur privé", "Employeur public"), ticked=kind),)])
    sheet.columns(_employer_address(contract), _employer_numbers(contract))


def _employer_address(contract: Contract) -> list[Row]:
    body, typed = contract.body, contract.company.typed
    return [
        (Words(text="Nom et prénom ou dénomination :"),),
        (Box(label="", value=body.company_name),),
        (Words(text="Adresse de l’établissement d’exécution du contrat :"),),
        (Box(label="N° et voie :", value=typed.get("street", "")),),
        (Box(label="Complément :"),),
        (Box(label="Code postal :", value=typed.get("postcode", ""), share=0.45),
         Box(label="Commune :", value=typed.get("town", ""), share=0.55)),
        (Box(label="Courriel :", value=body.hr_contact_email),),
    ]  # fmt: skip


def _employer_numbers(contract: Contract) -> list[Row]:
    body, typed = contract.body, contract.company.typed
    return [
        (Words(text="N° SIRET de l’établissement d’exécution du contrat :"),),
        (Box(label="", value=grouped_siret(body.company_siret)),),
        (Box(label="Contact :", value=body.hr_contact_name),),
        (Box(label="Code activité de l’entreprise (APE) :", value=typed.get("ape_code", "")),),
        (Box(label="Effectif total salariés de l’entreprise :", value=typed.get("headcount", "")),),
        (Box(label="Code IDCC de la convention collective :", value=typed.get("idcc", "")),),
        (Box(label="Téléphone :", value=typed.get("phone", "")),),
    ]  # fmt: skip


def draw_apprentice(sheet: Sheet, contract: Contract) -> None:
    """Draw the section of the apprentice; the NIR is never asked for."""
    body = contract.body
    sheet.banner("L’APPRENTI(E)")
    sheet.columns(
        [
            (Box(label="Nom de naissance de l’apprenti(e) :", value=body.student_last_name, is_bold=True),),
            (Box(label="Nom d’usage :", is_bold=True),),
            (Box(label="Le premier prénom de l’apprenti(e) selon l’état civil :", value=body.student_first_name,
                 is_bold=True),),
        ]
    )  # fmt: skip
    sheet.columns(_apprentice_address(contract), _apprentice_history(contract))


def _apprentice_address(contract: Contract) -> list[Row]:
    body, typed = contract.body, contract.student.typed
    return [
        (Box(label="NIR de l’apprenti(e) :", value="non demandé par le simulateur"),),
        (Words(text="Adresse de l’apprenti(e) :"),),
        (Box(label="N° et voie :", value=typed.get("street", "")),),
        (Box(label="Complément :"),),
        (Box(label="Code postal :", value=typed.get("postcode", ""), share=0.45),
         Box(label="Commune :", value=typed.get("town", ""), share=0.55)),
        (Box(label="Téléphone :", value=typed.get("phone", "")),),
        (Box(label="Courriel :", value=body.student_email),),
        (Words(text="Représentant légal"), Words(text="(si l’apprenti est mineur)", font=ITALIC)),
        (Box(label="Nom de naissance et prénom :"),),
        (Box(label="Adresse :"),),
        (Box(label="Courriel :"),),
    ]  # fmt: skip


def _apprentice_history(contract: Contract) -> list[Row]:
    body, typed = contract.body, contract.student.typed
    return [
        (Box(label="Date de naissance :", value=written_day(typed.get("birth_date", "")), share=0.6),
         Ticks(label="Sexe :", options=("M", "F"), ticked=typed.get("gender", ""), share=0.4)),
        (Box(label="Département de naissance :", value=typed.get("birth_department", "")),),
        (Box(label="Commune de naissance :", value=typed.get("birth_town", "")),),
        (Box(label="Nationalité :", value=typed.get("nationality", ""), share=0.58),
         Box(label="Régime social :", value=typed.get("social_scheme", ""), share=0.42)),
        (Ticks(label="Inscrit sur la liste des sportifs de haut niveau :", options=YES_NO,
               ticked=typed.get("athlete", "")),),
        (Ticks(label="Reconnaissance travailleur handicapé :", options=YES_NO,
               ticked=typed.get("disabled_worker", "")),),
        (Box(label="Situation avant ce contrat :", value=typed.get("situation_before", "")),),
        (Box(label="Dernier diplôme ou titre préparé :", value=typed.get("last_diploma", "")),),
        (Box(label="Dernière classe / année suivie :", value=typed.get("last_class", "")),),
        (Box(label="Diplôme ou titre le plus élevé obtenu :", value=typed.get("highest_diploma", "")),),
        (Box(label="N° étudiant :", value=body.student_number),),
    ]  # fmt: skip


def draw_mentor(sheet: Sheet, contract: Contract) -> None:
    """Draw the section of the mentor."""
    body, typed = contract.body, contract.company.typed
    sheet.banner("LE MAÎTRE D’APPRENTISSAGE")
    sheet.columns(
        [
            (Words(text="Maître d’apprentissage n° 1"),),
            (Box(label="Nom et prénom :", value=body.mentor_name, is_bold=True),),
            (Box(label="Date de naissance :", value=written_day(typed.get("mentor_birth_date", ""))),),
            (Box(label="Courriel :", value=body.mentor_email or ""),),
            (Box(label="Emploi occupé :", value=typed.get("mentor_job", "")),),
            (Box(label="Diplôme le plus élevé obtenu :", value=typed.get("mentor_diploma", "")),),
        ],
        [
            (Words(text="Maître d’apprentissage n° 2"),),
            (Box(label="Nom et prénom :", is_bold=True),),
            (Box(label="Date de naissance :"),),
            (Box(label="Courriel :"),),
            (Box(label="Emploi occupé :"),),
            (Box(label="Diplôme le plus élevé obtenu :"),),
        ],
    )
    attested = "L’employeur atteste que le maître d’apprentissage répond aux critères d’éligibilité à cette fonction."
    sheet.columns([(Ticks(label="", options=(attested,), ticked=attested if typed else ""),)])
