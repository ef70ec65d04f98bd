"""What the people of CACTUS do to a contract: pure, a contract in and the changed contract out.

The statuses are those of procedure, section 5. Every act that the status does not allow is `Declined`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from syncd.adapters.cactus.simulator.contracts import Contract, FilledPart, Happening, Paper
from syncd.adapters.cactus.simulator.forms import Side
from syncd.adapters.cactus.simulator.problems import Declined
from syncd.adapters.cactus.simulator.vocabulary import STATUS_WORDS
from syncd.model import PartState, RemoteStatus

CAN_BE_FILLED = frozenset({RemoteStatus.INITIALISED, RemoteStatus.IN_PROGRESS, RemoteStatus.REOPENED})
CAN_BE_GENERATED = frozenset({RemoteStatus.COMPLETED, RemoteStatus.GENERATED})
CAN_BE_REOPENED = frozenset({RemoteStatus.COMPLETED, RemoteStatus.GENERATED, RemoteStatus.SIGNED, RemoteStatus.REFUSED})
CAN_BE_REFUSED = CAN_BE_FILLED | CAN_BE_GENERATED | {RemoteStatus.SIGNED, RemoteStatus.TRANSMITTED}
CAN_BE_CANCELLED = CAN_BE_FILLED | CAN_BE_GENERATED | {RemoteStatus.REFUSED}
CAN_BE_TERMINATED = frozenset({RemoteStatus.SIGNED, RemoteStatus.TRANSMITTED, RemoteStatus.FILED})


def start_part(contract: Contract, side: Side, typed: Mapping[str, str], now: datetime) -> Contract:
    """Return the contract with something typed in one part."""
    part = _open_part(contract, side)
    begun = replace(part, state=PartState.IN_PROGRESS, typed={**part.typed, **typed})
    sentence = "L’étudiant a commencé sa partie." if side == "student" else "L’entreprise a commencé sa partie."
    return _changed(_with_part(contract, side, begun), now, sentence, RemoteStatus.IN_PROGRESS)


def fill_part(contract: Contract, side: Side, typed: Mapping[str, str], now: datetime) -> Contract:
    """Return the contract with one part done: completed when it was the last one."""
    part = _open_part(contract, side)
    done = _with_part(contract, side, FilledPart(state=PartState.DONE, done_at=now, typed={**part.typed, **typed}))
    both = done.student.is_done and done.company.is_done
    sentence = "L’étudiant a terminé sa partie." if side == "student" else "L’entreprise a terminé sa partie."
    return _changed(done, now, sentence, RemoteStatus.COMPLETED if both else RemoteStatus.IN_PROGRESS)


def check_generation(contract: Contract) -> None:
    """Return when the documents may be generated now."""
    _only(contract, CAN_BE_GENERATED, "La génération des documents")


def generate(contract: Contract, papers: tuple[Paper, ...], now: datetime) -> Contract:
    """Return the contract with new versions of its documents; the old ones stay listed."""
    check_generation(contract)
    generated = replace(contract, papers=contract.papers + papers, generated_at=now)
    versions = ", ".join(sorted({f"version {paper.version}" for paper in papers}))
    return _changed(generated, now, f"Le CFA a généré les documents ({versions}).", RemoteStatus.GENERATED)


def reopen(contract: Contract, *, student: bool, company: bool, now: datetime) -> Contract:
    """Return the contract with one part or both to be filled again; what was typed stays."""
    _only(contract, CAN_BE_REOPENED, "La réouverture")
    if not (student or company):
        raise Declined("Choisissez au moins une partie à rouvrir.")
    reopened = replace(
        contract,
        student=_emptied(contract.student) if student else contract.student,
        company=_emptied(contract.company) if company else contract.company,
        generated_at=None,
        rejection_reason=None,
    )
    return _changed(reopened, now, "Le CFA a rouvert le contrat.", RemoteStatus.REOPENED)


def refuse(contract: Contract, reason: str, now: datetime) -> Contract:
    """Return the contract refused for this reason."""
    _only(contract, CAN_BE_REFUSED, "Le refus")
    return _changed(
        replace(contract, rejection_reason=_given(reason)), now, f"Contrat refusé : {reason}", RemoteStatus.REFUSED
    )


def cancel(contract: Contract, reason: str, now: datetime) -> Contract:
    """Return the contract cancelled; cancelling again changes nothing."""
    if contract.status == RemoteStatus.CANCELLED:
        return contract
    _only(contract, CAN_BE_CANCELLED, "L’annulation")
    return _changed(contract, now, f"Contrat annulé : {_given(reason)}", RemoteStatus.CANCELLED)


def advance(contract: Contract, to: RemoteStatus, now: datetime) -> Contract:
    """Return the contract one step further in its later life: signed, transmitted, filed, terminated, closed."""
    came_from: Mapping[RemoteStatus, frozenset[RemoteStatus]] = {
        RemoteStatus.SIGNED: frozenset({RemoteStatus.GENERATED}),
        RemoteStatus.TRANSMITTED: frozenset({RemoteStatus.SIGNED}),
        RemoteStatus.FILED: frozenset({RemoteStatus.TRANSMITTED}),
        RemoteStatus.TERMINATED: CAN_BE_TERMINATED,
        RemoteStatus.CLOSED: frozenset({RemoteStatus.FILED, RemoteStatus.TERMINATED}),
    }
    _only(contract, came_from.get(to, frozenset()), f"Le passage à « {STATUS_WORDS[to].lower()} »")
    return _changed(contract, now, f"Contrat : {STATUS_WORDS[to].lower()}.", to)


def say_status(contract: Contract, word: str, now: datetime) -> Contract:
    """Return the contract with any status word, known or not, whatever it was before."""
    return _changed(contract, now, f"Le statut est maintenant « {word} ».", word)


def _open_part(contract: Contract, side: Side) -> FilledPart:
    _only(contract, CAN_BE_FILLED, "La saisie")
    part = contract.student if side == "student" else contract.company
    if part.is_done:
        raise Declined("Cette partie est déjà terminée.")
    return part


def _with_part(contract: Contract, side: Side, part: FilledPart) -> Contract:
    return replace(contract, student=part) if side == "student" else replace(contract, company=part)


def _emptied(part: FilledPart) -> FilledPart:
    return replace(part, state=PartState.TODO, done_at=None)


def _given(reason: str) -> str:
    if not reason.strip():
        raise Declined("Indiquez un motif.")
    return reason


def _only(contract: Contract, allowed: frozenset[RemoteStatus], act: str) -> None:
    if contract.status not in allowed:
        word = STATUS_WORDS.get(contract.status, contract.status)
        raise Declined(f"{act} n’est pas possible : le contrat est au statut « {word} ».")


def _changed(contract: Contract, now: datetime, sentence: str, status: str) -> Contract:
    return replace(
        contract,
        status=status,
        revision=contract.revision + 1,
        updated_at=now,
        history=(*contract.history, Happening(at=now, sentence=sentence)),
    )
