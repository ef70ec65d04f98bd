"""The bugs, by the room that they are planted in."""

from tests.faults.seeded_bugs.bug import Bug
from tests.faults.seeded_bugs.catalogue.ledger import LEDGER
from tests.faults.seeded_bugs.catalogue.letters import LETTERS
from tests.faults.seeded_bugs.catalogue.procedure import PROCEDURE
from tests.faults.seeded_bugs.catalogue.reading import READING
from tests.faults.seeded_bugs.catalogue.unnoticed import UNNOTICED

BUGS: tuple[Bug, ...] = (*PROCEDURE, *LEDGER, *READING, *LETTERS, *UNNOTICED)
