"""The mail server of a soak: it keeps names of letters, not letters, and can be put into a mood."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from aiosmtpd.smtp import SMTP

from tests.adapters.mail.post_office import HANG_UP, PostOffice

Letter = tuple[str, str, str]
"""Mission, event, recipient."""


@dataclass
class Office(PostOffice):
    """Counts what came in by its Message-ID. `cuts` next letters are taken in, and the acknowledgement is lost."""

    cuts: int = 0
    taken_in: Counter[str] = field(default_factory=Counter)
    """How often each letter came in whole, acknowledged or not."""
    names: defaultdict[Letter, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Under which Message-IDs everybody was told of what."""

    async def handle_DATA(self, server: SMTP, session: object, envelope: Any) -> str:  # noqa: N802 (the library's name)
        """Take a letter in."""
        head = message_from_bytes(envelope.original_content)
        usual, is_cut = self.on_data, self.cuts > 0
        if is_cut:
            self.cuts, self.on_data = self.cuts - 1, HANG_UP
        reply = await super().handle_DATA(server, session, envelope)
        self.on_data = usual if is_cut else self.on_data
        if reply.startswith("250"):
            name = str(head["Message-ID"])
            self.taken_in[name] += 1
            self.names[str(head["X-Syncd-Mission"]), str(head["X-Syncd-Event"]), str(head["To"])].add(name)
        self.letters.clear()
        self.recipients.clear()
        self.visits = [visit for visit in self.visits if visit.transport is not None]
        return reply

    def too_often(self, unknown_outcomes: Mapping[str, int]) -> list[str]:
        """Return the letters that came in more often than their unknown outcomes explain."""
        return [name for name, times in self.taken_in.items() if times > 1 + unknown_outcomes.get(name, 0)]
