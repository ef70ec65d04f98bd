"""The French words and forms of what the pages and papers show."""

from collections.abc import Mapping
from datetime import date

from syncd.model import DocumentKind, PartState, RemoteStatus

STATUS_WORDS: Mapping[str, str] = {
    RemoteStatus.INITIALISED: "Initialisé",
    RemoteStatus.IN_PROGRESS: "En cours de saisie",
    RemoteStatus.COMPLETED: "Complet",
    RemoteStatus.GENERATED: "Documents générés",
    RemoteStatus.REOPENED: "Rouvert",
    RemoteStatus.SIGNED: "Signé",
    RemoteStatus.TRANSMITTED: "Transmis à l’OPCO",
    RemoteStatus.FILED: "Déposé",
    RemoteStatus.REFUSED: "Refusé",
    RemoteStatus.CANCELLED: "Annulé",
    RemoteStatus.TERMINATED: "Rompu",
    RemoteStatus.CLOSED: "Clos",
}

PART_WORDS: Mapping[PartState, str] = {
    PartState.TODO: "à remplir",
    PartState.IN_PROGRESS: "en cours",
    PartState.DONE: "terminée",
}

KIND_WORDS: Mapping[DocumentKind, str] = {
    DocumentKind.CERFA: "Cerfa (contrat d’apprentissage)",
    DocumentKind.CONVENTION: "Convention d’accompagnement",
}


def french_day(day: date) -> str:
    """Return a day as it is written on a form: 01/09/2025."""
    return f"{day:%d/%m/%Y}"


def written_day(typed: str) -> str:
    """Return a typed ISO day as it is written on a form, and anything else as it is."""
    try:
        return french_day(date.fromisoformat(typed))
    except ValueError:
        return typed


def grouped_siret(siret: str) -> str:
    """Return a SIRET as people read it: 130 015 332 00013."""
    return f"{siret[:3]} {siret[3:6]} {siret[6:9]} {siret[9:]}"
