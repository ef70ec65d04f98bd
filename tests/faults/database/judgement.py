"""What is asked of every run: I1 to I6, from what CACTUS, the mail server and the ledger have in the end."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.database.looking import rows
from tests.faults.database.site import Site, all_letters, is_apprentice, name_of

_ONCE = (
    "mission.discovered", "contract.initialised", "contract.adopted", "contract.changed", "decision.announced",
    "letter.queued", "letter.sent", "document.stored",
)  # fmt: skip
"""What can be in the timeline of a life without reopenings once only, with the same details."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found. Everything but `posts`, `mails` and `repeated` must be empty or zero in every run."""

    doubled: dict[str, int]
    missing: set[str]
    misled: set[str]
    """Linked to a contract of CACTUS that is another mission's, or is not there."""
    letters_missing: set[tuple[str, str, str]]
    """Neither known to the ledger, nor sent by one that was set back since."""
    letters_too_many: set[tuple[str, str, str]]
    letters_doubled: dict[tuple[str, ...], int]
    never_delivered: set[str]
    """Letters that the ledger takes for sent and no mail server ever took."""
    told_twice: dict[tuple[str, ...], int]
    posts: int
    mails: int
    repeated: int
    """Mails that left once more, under the same Message-ID."""

    @property
    def violations(self) -> list[object]:
        """Everything that may never be."""
        found: Sequence[object] = (
            self.doubled, self.missing, self.misled, self.letters_missing, self.letters_too_many,
            self.letters_doubled, self.never_delivered, self.told_twice,
        )  # fmt: skip
        return [each for each in found if each]


def judge(site: Site, url: str) -> Verdict:
    """Compare what CACTUS and the mail server have with the ledger."""
    wanted = {name_of(number) for number in site.numbers if is_apprentice(number)}
    with site.remote.lock:
        created = Counter(str(contract["external_reference"]) for contract in site.remote.contracts.values())
        owners = {
            str(contract["contract_id"]): str(contract["external_reference"])
            for contract in site.remote.contracts.values()
        }
        posts = len(site.remote.posts())
    found = rows(url, "SELECT mission_id, contract_id FROM contracts")
    linked = {str(mission_id): str(contract_id) for mission_id, contract_id in found}
    letters = rows(url, "SELECT mission_id, event, role, cause, resend, message_id, state FROM letters")
    delivered = Counter(str(letter["Message-ID"]) for letter in site.office.letters)
    told = {(str(letter["X-Syncd-Mission"]), str(letter["X-Syncd-Event"])) for letter in site.office.letters}
    known = Counter((str(row[0]), str(row[1]), str(row[2])) for row in letters if row[0])
    return Verdict(
        doubled=_more_than_once(created),
        missing=wanted - created.keys(),
        misled={str(m) for m in wanted if owners.get(linked.get(m, "")) != m},
        letters_missing={letter for letter in all_letters(site.numbers) - known.keys() if letter[:2] not in told},
        letters_too_many=known.keys() - all_letters(site.numbers),
        letters_doubled=_more_than_once(Counter(tuple(map(str, row[:5])) for row in letters)),
        never_delivered={str(row[5]) for row in letters if row[6] == "sent"} - delivered.keys(),
        told_twice=_told_twice(url),
        posts=posts,
        mails=delivered.total(),
        repeated=delivered.total() - len(delivered),
    )


def timeline(url: str) -> Counter[tuple[str, ...]]:
    """Return what the timelines tell: mission, event, details; attempts do not tell two entries apart."""
    told = rows(url, "SELECT mission_id, event, detail FROM timeline")
    return Counter((str(m), str(e), _without_attempts(json.loads(str(d)))) for m, e, d in told)


def _without_attempts(detail: dict[str, object]) -> str:
    return json.dumps({name: value for name, value in detail.items() if name != "attempts"}, sort_keys=True)


def _told_twice(url: str) -> dict[tuple[str, ...], int]:
    return {entry: count for entry, count in _more_than_once(timeline(url)).items() if entry[1] in _ONCE}


def _more_than_once(counted: Counter) -> dict:  # type: ignore[type-arg]
    return {name: count for name, count in counted.items() if count > 1}
