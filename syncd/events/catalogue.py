"""The catalogue, by object. A name never changes its meaning: dashboards, alerts and stored timelines rely on it."""

from collections.abc import Mapping

from syncd.events.entry import Entry, Level

_INFO, _WARNING, _ERROR = Level.INFO, Level.WARNING, Level.ERROR


def _entry(name: str, level: Level, keys: str, meaning: str, sentence: str, timeline: str = "") -> Entry:
    return Entry(
        name=name,
        level=level,
        keys=frozenset(keys.split()),
        meaning_en=meaning,
        sentence_fr=sentence,
        timeline_keys=frozenset(timeline.split()),
    )


_MISSIONS = (
    _entry("mission.discovered", _INFO, "track campus level academic_year", "A mission is known for the first time.",
           "Mission validée découverte"),
    _entry("mission.changed", _INFO, "fields count status previous", "The store's row is not as it was last read.",
           "Mission modifiée dans la base[ : {fields}]"),
    _entry("mission.withdrawn", _WARNING, "status", "The store says that the mission is withdrawn.",
           "Mission retirée"),
    _entry("mission.missing", _WARNING, "count", "A full comparison did not find the row.",
           "Mission absente de la base[ ({count} comparaisons de suite)]"),
    _entry("mission.skipped", _ERROR, "fields count", "A row has no usable key and cannot be followed.",
           "Ligne inutilisable de la base des missions[ ({count})]"),
)  # fmt: skip

_CONTRACTS = (
    _entry("contract.asked", _INFO, "key ask_round", "The intent to create the contract is committed.",
           "Création demandée à CACTUS"),
    _entry("contract.initialised", _INFO, "status key", "CACTUS created the contract.",
           "Contrat initialisé dans CACTUS[ : {contract_id}]"),
    _entry("contract.unanswered", _WARNING, "action", "No clear answer: it may have been done.",
           "Pas de réponse claire de CACTUS : vérification avant toute nouvelle demande"),
    _entry("contract.looked_up", _INFO, "is_found count", "CACTUS was asked whether it has this reference.",
           "Recherche dans CACTUS[, trouvé : {is_found}]"),
    _entry("contract.adopted", _INFO, "status previous", "A contract that exists in CACTUS was linked.",
           "Contrat existant rattaché[ : {contract_id}]", "reason by"),
    _entry("contract.refused", _ERROR, "code fields", "CACTUS will never accept the request as it is.",
           "Demande refusée par CACTUS[ : {error}]"),
    _entry("contract.conflicted", _ERROR, "code fields", "CACTUS has another contract in the way.",
           "Conflit dans CACTUS[ avec le contrat {contract_id}][ : {error}]"),
    _entry("contract.read", Level.DEBUG, "status student_part company_part is_changed", "CACTUS was asked how it is.",
           "Contrat relu dans CACTUS[ : {status}]"),
    _entry("contract.changed", _INFO, "status previous student_part company_part reopenings",
           "CACTUS says something new of the contract.",
           "CACTUS : [{previous} → ]{status}[ ; étudiant : {student_part}][ ; entreprise : {company_part}]"),
    _entry("contract.status_unknown", _ERROR, "status previous", "CACTUS used a status word that syncd does not know.",
           "CACTUS emploie un état inconnu : {status}"),
    _entry("contract.missing", _ERROR, "status", "CACTUS does not know the contract any more.",
           "CACTUS ne connaît plus ce contrat[ : {contract_id}]"),
    _entry("contract.held", _WARNING, "codes step", "The contract is held back, for all these reasons.",
           "Contrat retenu[ : {codes}][ ; {reason}]", "reason by"),
    _entry("contract.suspended", _INFO, "step", "An admin holds the contract back.",
           "Suspendu à la main[ : {reason}]", "reason by"),
    _entry("contract.lifted", _INFO, "codes step previous", "Nothing holds the contract back any more.",
           "N'est plus retenu[ : {codes}][ ; étape : {step}]"),
    _entry("contract.released", _INFO, "step codes fields", "An admin lets the contract go on as its row is now.",
           "Relâché à la main[ : {reason}]", "reason by"),
    _entry("contract.closed", _INFO, "status step code", "Nothing more is done for the contract.",
           "Contrat clos[ ({status})][ : {reason}]", "reason by"),
    _entry("contract.cancellation_wanted", _INFO, "step", "An admin asked for the cancellation.",
           "Annulation demandée[ : {reason}]", "reason by"),
    _entry("contract.cancelled", _INFO, "status", "CACTUS cancelled the contract at our request.",
           "Contrat annulé dans CACTUS[ : {reason}]", "reason by"),
    _entry("contract.resynced", _INFO, "step count is_dry", "An admin asked for everything to be looked at again.",
           "Resynchronisation demandée[ : {reason}]", "reason by"),
    _entry("contract.quarantined", _ERROR, "crashes action", "The contract crashed the daemon each time it was alone.",
           "Mis en quarantaine[ après {crashes} arrêts brutaux]"),
    _entry("contract.failed", _WARNING, "action retry_s code status", "An attempt failed and will be repeated.",
           "Tentative[ n° {attempts}] sans succès[ : {error}]"),
    _entry("contract.unrecorded", _WARNING, "action", "What came of an attempt could not be written down.",
           "Résultat non enregistré[ : {error}]"),
    _entry("contract.crashed", _ERROR, "action", "An error that nobody foresaw ended an attempt; only this one.",
           "Tentative interrompue par une erreur imprévue[ : {error}]"),
    _entry("contract.advanced", _INFO, "step previous", "The contract moved to another step.",
           "Étape : [{previous} → ]{step}"),
    _entry("contract.brake_applied", _WARNING, "guard count limit", "The brake on creations keeps the contract back.",
           "Création suspendue par le frein[ ({count} sur {limit} par heure)]"),
)  # fmt: skip

_DOCUMENTS = (
    _entry("document.stored", _INFO, "kind version remote_version sha256 size", "A document is checked and stored.",
           "{kind}[ version {version}] conservé"),
    _entry("document.rejected", _ERROR, "kind version fault size", "What CACTUS offers is not a sound document.",
           "{kind}[ version {version}] rejeté[ : {fault}]"),
    _entry("document.superseded", _INFO, "kind version", "A stored document no longer holds.",
           "{kind}[ version {version}] remplacé ou périmé"),
    _entry("document.added", _INFO, "kind version sha256 size", "An admin handed a document over.",
           "{kind}[ version {version}] déposé à la main", "by"),
    _entry("document.exported", _INFO, "kind version", "An admin read a document.",
           "{kind}[ version {version}] exporté[ par {by}]", "by"),
    _entry("document.purged", _INFO, "kind version count", "A document was deleted when its retention ended.",
           "{kind}[ version {version}] supprimé en fin de conservation"),
    _entry("documents.key_made", _WARNING, "", "No key was configured: one was made and kept beside the files.",
           "Clé de chiffrement créée"),
)  # fmt: skip

_LETTERS = (
    _entry("decision.announced", _INFO, "count", "The favourable decision is announced.",
           "Décision favorable annoncée"),
    _entry("letter.queued", _INFO, "letter role cause count letter_id", "A letter waits to be sent.",
           "Courriel préparé[ : {letter}][ : {event}][ ({role})]", "event"),
    _entry("letter.sent", _INFO, "letter role cause letter_id message_id", "The mail server accepted a letter.",
           "Courriel envoyé[ : {letter}][ : {event}][ ({role})]", "event"),
    _entry("letter.deferred", _WARNING, "letter role cause letter_id retry_s", "Not accepted yet; tried again later.",
           "Courriel différé[ : {letter}][ : {event}][ ({role})][ : {error}]", "event"),
    _entry("letter.failed", _ERROR, "letter role cause letter_id code", "The mail server will never accept it.",
           "Courriel en échec[ : {letter}][ : {event}][ ({role})][ : {error}]", "event"),
    _entry("letter.unknown", _WARNING, "letter role cause letter_id retry_s", "The mail server's answer was lost.",
           "Courriel peut-être envoyé, réponse perdue[ : {letter}][ : {event}][ ({role})]", "event"),
    _entry("letter.resent", _INFO, "letter role cause letter_id count", "An admin asked for a letter once more.",
           "Nouvel envoi demandé[ : {letter}][ : {event}][ ({role})]", "event reason by"),
    _entry("letter.crashed", _ERROR, "letter role letter_id", "An error that nobody foresaw ended one attempt to send.",
           "Envoi interrompu par une erreur imprévue[ : {letter}][ ({role})]"),
    _entry("letter.unrecorded", _WARNING, "letter_id", "What came of sending a letter could not be written down.",
           "Résultat d'envoi non enregistré[ : {error}]"),
    _entry("digest.queued", _INFO, "day count", "The supervisor's digest of the day waits to be sent.",
           "Point du jour préparé[ ({day})]"),
)  # fmt: skip

_FLOWS = (
    _entry("feed.read", _INFO, "count changes moved pages", "The change feed of CACTUS was read.",
           "Changements lus dans CACTUS[ : {count}]"),
    _entry("feed.restarted", _WARNING, "", "CACTUS no longer knows our place in its feed; read from the beginning.",
           "Relecture complète des changements de CACTUS"),
    _entry("feed.entry_skipped", _WARNING, "count", "An entry of the feed could not be read or is nobody's.",
           "Changement illisible ignoré[ ({count})]"),
    _entry("feed.failed", _WARNING, "retry_s", "The change feed could not be read.",
           "Changements de CACTUS illisibles pour l'instant[ : {error}]"),
    _entry("missions.read", _INFO, "count new changed unchanged pages", "The mission store was read.",
           "Base des missions lue[ : {new} nouvelles, {changed} modifiées]"),
    _entry("missions.unreachable", _WARNING, "retry_s", "The mission store cannot be read.",
           "Base des missions inaccessible[ : {error}]"),
    _entry("sweep.finished", _INFO, "count new changed missing differences known", "The full comparison is done.",
           "Comparaison complète terminée[ : {count} missions, {missing} absentes]"),
    _entry("sweep.stopped", _ERROR, "known missing limit", "Too much is gone from the store: nothing was changed.",
           "Comparaison complète arrêtée[ : {missing} absentes sur {known}]"),
    _entry("pass.finished", _INFO, "performed retrying delivered failed", "One whole pass is done.",
           "Passage terminé[ : {performed} actions, {delivered} courriels, {retrying} à refaire]"),
    _entry("pass.failed", _WARNING, "retry_s", "The ledger could not be read or written; tried again.",
           "Passage interrompu[ : {error}]"),
)  # fmt: skip

_PATIENCE = (
    _entry("gate.closed", _WARNING, "remote rest_s failures", "A remote is left alone for a while.",
           "Pause[ : {remote}][ pendant {rest_s} s][ : {error}]"),
    _entry("gate.opened", _INFO, "remote closed_s", "A remote answers again.",
           "Reprise[ : {remote}]"),
    _entry("credentials.refused", _ERROR, "remote retry_s status", "A remote does not accept our credentials.",
           "Identifiants refusés[ : {remote}]"),
    _entry("tls.refused", _ERROR, "remote retry_s", "A remote's certificate or protocol is not acceptable.",
           "Connexion sécurisée refusée[ : {remote}]"),
    _entry("guard.tripped", _ERROR, "guard count limit missing known", "A brake is on until an admin approves.",
           "Frein serré[ : {guard}][ ({count} sur {limit})]"),
    _entry("guard.approved", _INFO, "guard", "An admin took a brake off, once.",
           "Frein desserré[ : {guard}]", "reason by"),
)  # fmt: skip

_SERVICE = (
    _entry("replica.started", _INFO, "host pid version", "This process has joined the others.",
           "Processus démarré[ : {replica}]"),
    _entry("replica.stopped", _INFO, "", "This process has left the others.",
           "Processus arrêté[ : {replica}]"),
    _entry("replica.rescued", _WARNING, "count", "What a dead process held is free again.",
           "Contrats repris à un processus disparu[ : {count}]"),
    _entry("config.loaded", _INFO, "source count", "The configuration is read.",
           "Configuration lue"),
    _entry("config.reloaded", _INFO, "fields count", "The configuration was read again and holds.",
           "Configuration relue"),
    _entry("config.rejected", _ERROR, "key fields count", "The new configuration is wrong; the old one stays.",
           "Nouvelle configuration rejetée[ : {error}]"),
    _entry("daemon.started", _INFO, "version pid python adapter mailer database bind", "The daemon starts.",
           "Démarrage[ (version {version})]"),
    _entry("daemon.ready", _INFO, "bind version", "The daemon works.",
           "Prêt"),
    _entry("daemon.stopping", _INFO, "signal", "No new work; what is under way is finished.",
           "Arrêt demandé"),
    _entry("daemon.stopped", _INFO, "exit_code", "The daemon has stopped.",
           "Arrêté"),
    _entry("daemon.crashed", _ERROR, "exit_code", "An error that nobody foresaw ended the process.",
           "Arrêt brutal"),
    _entry("library.warned", _WARNING, "library severity", "A library complained; its text may quote anything.",
           "Avertissement d'une bibliothèque[ : {library}]"),
    _entry("log.dropped", _WARNING, "count unknown_keys unknown_events",
           "Lines that nobody read in time, or keys that the catalogue does not have, were left out.",
           "Lignes de journal perdues[ : {count}]"),
)  # fmt: skip

CATALOGUE: Mapping[str, Entry] = {
    entry.name: entry
    for entry in (*_MISSIONS, *_CONTRACTS, *_DOCUMENTS, *_LETTERS, *_FLOWS, *_PATIENCE, *_SERVICE)
}  # fmt: skip
