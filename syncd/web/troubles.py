"""What keeps syncd from working, each with what it means and what to type. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from syncd.events.french import spoken
from syncd.web.french import FLOW_NAMES, ago, count, instant
from syncd.web.freshness import Freshness, Rhythm, freshness_of
from syncd.web.snapshot import Snapshot

_BEHIND_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing to look at. `reason` is what the ledger keeps of it, in English; `is_grave`: contracts stand still."""

    title: str
    meaning: str
    command: str
    reason: str | None = None
    is_grave: bool = True


def troubles_of(snapshot: Snapshot, rhythm: Rhythm) -> tuple[Trouble, ...]:
    """Return everything that keeps syncd from working, the gravest first."""
    found = (
        *_of_guards(snapshot), *_of_gates(snapshot), *_of_replicas(snapshot), *_of_flows(snapshot, rhythm),
        *_of_backlog(snapshot),
    )  # fmt: skip
    return tuple(sorted(found, key=lambda trouble: not trouble.is_grave))


def _of_guards(snapshot: Snapshot) -> Iterator[Trouble]:
    for name, guard in snapshot.guards.items():
        if guard.tripped_at is not None:
            yield Trouble(
                title=f"Frein serré : {spoken('guard', name)}",
                meaning=f"Arrêt de sécurité {ago(guard.tripped_at, snapshot.read_at)}. Rien ne repart avant une "
                "décision : vérifiez que ce volume est voulu, puis desserrez le frein.",
                reason=guard.detail,
                command=f"syncd guard approve {name}",
            )


def _of_gates(snapshot: Snapshot) -> Iterator[Trouble]:
    for name, gate in snapshot.gates.items():
        remote = spoken("remote", name)
        if gate.closed_until is None:
            continue
        if gate.is_credentials:
            yield Trouble(
                title=f"Identifiants refusés : {remote}",
                meaning="Rien ne lui est envoyé. Corrigez le secret dans la configuration ou son fichier.",
                reason=gate.reason,
                command="syncd doctor",
            )
        else:
            yield Trouble(
                title=f"En pause : {remote}",
                meaning=f"Prochain essai le {instant(gate.closed_until)} ; la reprise se fait toute seule.",
                reason=gate.reason,
                command="syncd doctor",
                is_grave=False,
            )


def _of_replicas(snapshot: Snapshot) -> Iterator[Trouble]:
    if not snapshot.living_replicas:
        yield Trouble(
            title="Aucun processus ne travaille",
            meaning="Cette page répond, mais aucun processus n’a donné signe de vie récemment.",
            command="systemctl restart syncd",
        )


def _of_flows(snapshot: Snapshot, rhythm: Rhythm) -> Iterator[Trouble]:
    for flow in snapshot.flows:
        if freshness_of(flow, rhythm, snapshot.read_at) is Freshness.LATE:
            yield Trouble(
                title=f"En retard : {FLOW_NAMES.get(flow.flow, flow.flow)}",
                meaning=f"Dernier succès : {ago(flow.last_success_at, snapshot.read_at)}.",
                reason=flow.last_error,
                command="syncd reconcile" if flow.flow == "sweep" else "syncd doctor",
                is_grave=flow.flow != "sweep",
            )


def _of_backlog(snapshot: Snapshot) -> Iterator[Trouble]:
    backlog, now = snapshot.backlog, snapshot.read_at
    if backlog.oldest_due_at is not None and now - backlog.oldest_due_at > _BEHIND_AFTER:
        yield Trouble(
            title="Le travail prend du retard",
            meaning=f"{count(backlog.contracts_due, 'contrat attend son tour', 'contrats attendent leur tour')} ; "
            f"le plus ancien devait avancer {ago(backlog.oldest_due_at, now)}.",
            command="syncd status",
            is_grave=False,
        )
    if backlog.letters_failed:
        yield Trouble(
            title=count(backlog.letters_failed, "courriel en échec", "courriels en échec"),
            meaning="Quelqu’un n’a pas été prévenu. Corrigez l’adresse dans la mission, puis libérez le contrat.",
            command="syncd mail list",
            is_grave=False,
        )
    if backlog.letters_unknown:
        yield Trouble(
            title=count(backlog.letters_unknown, "courriel sans réponse claire", "courriels sans réponse claire"),
            meaning="Le serveur de courriel les a peut-être acceptés : sa réponse s’est perdue.",
            command="syncd mail list",
            is_grave=False,
        )
