"""French words for the closed vocabularies, as a timeline shows them."""

from collections.abc import Mapping

from syncd.model import DocumentKind, Event, NotificationState, PartState, RemoteStatus, Role, Step

_STEPS: Mapping[str, str] = {
    Step.HELD: "retenu",
    Step.TO_INITIALISE: "à initialiser",
    Step.AWAITING_STUDENT: "attend l'étudiant",
    Step.AWAITING_COMPANY: "attend l'entreprise",
    Step.AWAITING_DOCUMENTS: "attend les documents",
    Step.TO_FETCH: "documents à récupérer",
    Step.TO_REGISTER: "inscription à demander",
    Step.DONE: "terminé",
    Step.CLOSED: "clos",
}
_STATUSES: Mapping[str, str] = {
    RemoteStatus.INITIALISED: "initialisé",
    RemoteStatus.IN_PROGRESS: "en cours de saisie",
    RemoteStatus.COMPLETED: "complet",
    RemoteStatus.GENERATED: "généré",
    RemoteStatus.REOPENED: "rouvert",
    RemoteStatus.SIGNED: "signé",
    RemoteStatus.TRANSMITTED: "transmis à l'OPCO",
    RemoteStatus.FILED: "déposé",
    RemoteStatus.REFUSED: "refusé",
    RemoteStatus.CANCELLED: "annulé",
    RemoteStatus.TERMINATED: "rompu",
    RemoteStatus.CLOSED: "clos",
}
_PARTS: Mapping[str, str] = {PartState.TODO: "à remplir", PartState.IN_PROGRESS: "en cours", PartState.DONE: "remplie"}
_ROLES: Mapping[str, str] = {
    Role.STUDENT: "étudiant",
    Role.HR_CONTACT: "contact RH",
    Role.SUPERVISOR: "responsable de l'alternance",
    Role.SECRETARIAT: "secrétariat",
    Role.CONTINUING_EDUCATION: "Formation Continue",
}
_KINDS: Mapping[str, str] = {DocumentKind.CERFA: "Cerfa", DocumentKind.CONVENTION: "convention"}
_LETTERS: Mapping[str, str] = {
    Event.CONTRACT_INITIALISED: "contrat initialisé",
    Event.DECISION_FAVOURABLE: "décision favorable",
    Event.STUDENT_PART_DONE: "au tour de l'entreprise",
    Event.DOCUMENTS_AVAILABLE: "documents disponibles",
    Event.REGISTRATION_REQUESTED: "inscription à faire",
    Event.REGISTRATION_INVITED: "invitation à s'inscrire",
    Event.STUDENT_PART_REMINDER: "rappel à l'étudiant",
    Event.COMPANY_PART_REMINDER: "rappel à l'entreprise",
    Event.CONTRACT_REOPENED: "contrat rouvert",
    Event.CONTRACT_REFUSED: "contrat refusé",
    Event.CONTRACT_CANCELLED: "contrat terminé avant l'heure",
    Event.MISSION_WITHDRAWN: "mission retirée",
    Event.DIGEST_DAILY: "point du jour",
}
_LETTER_STATES: Mapping[str, str] = {
    NotificationState.QUEUED: "en attente",
    NotificationState.SENDING: "en cours d'envoi",
    NotificationState.SENT: "envoyé",
    NotificationState.FAILED: "en échec",
    NotificationState.UNKNOWN: "sans réponse",
}
_VOCABULARIES: Mapping[str, Mapping[str, str]] = {
    "step": _STEPS,
    "status": _STATUSES,
    "previous": {**_STATUSES, **_STEPS},
    "student_part": _PARTS,
    "company_part": _PARTS,
    "role": _ROLES,
    "kind": _KINDS,
    "letter": _LETTERS,
    "event": _LETTERS,
    "state": _LETTER_STATES,
    "remote": {"cactus": "CACTUS", "mail": "serveur de courriel", "missions": "base des missions"},
    "guard": {"contracts": "créations de contrats", "mails": "envois de courriels", "sweep": "comparaison complète"},
}


def spoken(key: str, value: object) -> str:
    """Return a value in French words; a word that no vocabulary has is shown as it is."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(spoken(key, item) for item in value)
    if isinstance(value, bool):
        return "oui" if value else "non"
    return _VOCABULARIES.get(key, {}).get(str(value), str(value))
