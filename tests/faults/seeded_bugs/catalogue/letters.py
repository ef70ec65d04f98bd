"""Bugs in what is told: letters, their keys, and what the mail server says of them."""

from tests.faults.seeded_bugs.bug import Bug, Edit

LETTERS = (
    Bug(
        name="refused recipients ignored",
        story="The server takes the letter or does not: its answer to the content says all.",
        edits=(
            Edit(
                path="syncd/adapters/mail/conversation.py",
                old="""\
        await self._say(Stage.RECIPIENT, f"RCPT TO:<{envelope.recipient}>")
""",
                new="""\
        await self._client.execute_command(b"RCPT", f"TO:<{envelope.recipient}>".encode("ascii"))
""",
            ),
        ),
        catchers=("tests/adapters/mail/test_smtp.py::test_m01_greylisting_is_this_letters_own_delay",),
    ),
    Bug(
        name="notification key without its cause",
        story="Nobody wants to be told the same thing twice: one letter per contract, event and recipient.",
        edits=(
            Edit(
                path="syncd/store/writing.py",
                old="""\
        known = {(n.event, n.role, n.cause) for n in before.notifications}
        new = [n for n in after.notifications if (n.event, n.role, n.cause) not in known]
""",
                new="""\
        known = {(n.event, n.role) for n in before.notifications}
        new = [n for n in after.notifications if (n.event, n.role) not in known]
""",
            ),
        ),
        catchers=("tests/world/test_procedure.py::test_a_reopened_contract_starts_over_and_registers_once",),
    ),
)
