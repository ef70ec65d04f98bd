"""The words of the status page. Pure."""

from datetime import datetime, timedelta

from syncd.web.freshness import Freshness
from syncd.workdays import PARIS

FLOW_NAMES = {
    "missions": "Missions validées",
    "feed": "Changements de CACTUS",
    "sweep": "Comparaison complète",
    "mail": "Courriels",
}
FLOW_MEANINGS = {
    "missions": "Missions nouvelles ou modifiées. En retard : celles validées depuis n’ont pas encore de contrat.",
    "feed": "Ce que l’étudiant, l’entreprise et le CFA font dans CACTUS. En retard : la suite attend, courriels et "
            "documents compris.",
    "sweep": "Toute la base des missions face au registre. En retard : une mission supprimée passe inaperçue.",
    "mail": "Envoi des courriels, quand il y en a : une date ancienne est normale si rien n’attend.",
}  # fmt: skip
FRESHNESS_WORDS = {Freshness.FRESH: "à jour", Freshness.FAILING: "dernier essai en échec", Freshness.LATE: "en retard"}
STEP_MEANINGS = {
    "held": "quelqu’un doit décider",
    "to_initialise": "le contrat va être créé dans CACTUS",
    "awaiting_student": "l’étudiant n’a pas fini sa partie",
    "awaiting_company": "l’entreprise n’a pas fini la sienne",
    "awaiting_documents": "tout est saisi, les documents manquent",
    "to_fetch": "les documents vont être récupérés",
    "to_register": "le courriel d’inscription va partir",
    "done": "documents conservés, inscription demandée",
    "closed": "plus rien à faire",
}


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago a moment was, in one unit."""
    if moment is None:
        return "jamais"
    seconds = max(int((now - moment) / timedelta(seconds=1)), 0)
    for size, unit in ((86_400, "j"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"il y a {seconds // size} {unit}"
    return f"il y a {seconds} s"


def instant(moment: datetime) -> str:
    """Return an instant as a clock in Paris shows it."""
    return f"{moment.astimezone(PARIS):%d/%m/%Y à %H:%M:%S}"


def count(number: int, one: str, several: str) -> str:
    """Return `1 courriel`, `3 courriels`; nought is singular in French."""
    grouped = f"{number:,}".replace(",", "\u202f")
    return f"{grouped} {several if number > 1 else one}"
