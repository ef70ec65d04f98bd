"""One contract, as JSON and in words."""

from datetime import UTC, datetime

from syncd.model import NotificationState, Step
from syncd.ports.reading import ContractView, LetterRow

_STEPS = {
    Step.HELD: "held: a person decides",
    Step.TO_INITIALISE: "to be initialised in CACTUS (or the decision to be announced)",
    Step.AWAITING_STUDENT: "the student fills the student part",
    Step.AWAITING_COMPANY: "the HR contact fills the company part",
    Step.AWAITING_DOCUMENTS: "the documents are awaited",
    Step.TO_FETCH: "the documents are being fetched",
    Step.TO_REGISTER: "the registration mail is on its way",
    Step.DONE: "done",
    Step.CLOSED: "closed",
}


def explain(view: ContractView) -> str:
    """Return where a contract stands, in one line for an admin."""
    codes = ", ".join(dict.fromkeys(view.row.hold_codes))
    return f"{view.row.step} ({codes})" if codes else f"{view.row.step} ({_STEPS[view.row.step]})"


def show_document(view: ContractView) -> dict[str, object]:
    """Return the JSON of `syncd show`; its shape is fixed (interfaces, section 5)."""
    facts, row = view.facts, view.row
    return {
        "mission_id": facts.mission_id,
        "track": row.track,
        "academic_year": row.academic_year,
        "programme": row.programme,
        "campus": row.campus,
        "level": row.level,
        "step": row.step,
        "holds": [{"code": hold.code, "field": hold.field, "message": hold.message} for hold in view.holds],
        "warnings": [{"code": warned.code, "message": warned.message} for warned in view.warnings],
        "cactus": _cactus(view),
        "documents": [
            {
                "kind": document.kind,
                "version": document.version,
                "sha256": document.sha256,
                "size": document.size,
                "stored_at": _instant(document.stored_at),
                "superseded": document.superseded_at is not None,
            }
            for document in sorted(facts.documents, key=lambda d: (d.kind, d.version))
        ],
        "notifications": [letter_document(letter) for letter in view.letters],
        "next": _next(view),
        "timeline": [
            {"at": _instant(entry.at), "event": entry.event, "detail": dict(entry.detail)} for entry in view.timeline
        ],
    }


def letter_document(letter: LetterRow) -> dict[str, object]:
    """Return one letter; a letter that is being handed over is still queued to whoever reads."""
    state = NotificationState.QUEUED if letter.state is NotificationState.SENDING else letter.state
    return {
        "id": letter.letter_id,
        "event": letter.event,
        "role": letter.role,
        "state": state,
        "blocked": letter.is_blocked,
        "message_id": letter.message_id,
        "attempts": letter.attempts,
        "queued_at": _instant(letter.queued_at),
        "sent_at": _instant(letter.sent_at),
        "retry_at": _instant(letter.retry_at),
        "last_error": letter.last_error,
    }


def _cactus(view: ContractView) -> dict[str, object] | None:
    facts = view.facts
    if facts.contract_id is None:
        return None
    remote = facts.remote
    return {
        "contract_id": facts.contract_id,
        "status": remote.status if remote else None,
        "student_part": remote.student_part.state if remote else None,
        "company_part": remote.company_part.state if remote else None,
        "read_at": _instant(facts.remote_read_at),
        "rejection_reason": remote.rejection_reason if remote else None,
    }


def _next(view: ContractView) -> dict[str, object] | None:
    row = view.row
    if row.next_action is None:
        return None
    return {
        "action": row.next_action,
        "not_before": _instant(view.facts.not_before or row.due_at),
        "attempts": row.attempts,
        "last_error": row.last_error,
    }


def _instant(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment is not None else None
