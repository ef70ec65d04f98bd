"""What can go wrong in a simulation, and the measures of time that it is played in."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

EPOCH = datetime(2025, 6, 10, 4, 0, tzinfo=UTC)
"""The world's clock at the beginning: a Tuesday of the campaign, six o'clock in Paris: too early for a digest."""

LEASE = timedelta(seconds=20)
LETTER_LEASE = timedelta(seconds=30)
PROCESSING_TIME = timedelta(seconds=15)
"""The longest time that CACTUS takes for a request, until a look-up shows what came of it."""
DEADLINE_S = 5.0
"""A client does not wait longer for an answer."""
LATEST_S = 11.0
"""After it left, a request is applied so late at most."""
STALENESS_S = 4.0
"""A look-up does not show a new contract for so long at most."""
KEYS_LIVE_S = 60.0
"""Where keys expire, they do after so long."""
STORE_OVERLAP = timedelta(seconds=20)
SWEEP = timedelta(seconds=40)
POLL = timedelta(seconds=20)


class Kind(StrEnum):
    """One kind of fault. Its row of the fault catalogue comes first, where it has one."""

    REQUEST_LOST = "R01 request lost"
    UNREACHABLE = "R01 remote unreachable"
    ANSWER_LOST = "R02 answer lost"
    APPLIED_LATE = "R03 applied late"
    STALE_LOOK_UP = "R04 stale look-up"
    KEY_EXPIRED = "R05 key expired"
    IN_PROGRESS = "R06 409 in progress"
    RATE_LIMITED = "429 with Retry-After"
    SERVER_ERROR = "5xx"
    SLOW_ANSWER = "answer after the deadline"
    CREDENTIALS = "401 for a while"
    FEED_REPEATS = "Q01 feed entry repeated"
    FEED_DISORDER = "Q02 feed out of order"
    FEED_FORGETS = "Q03 feed entry missing"
    CURSOR_EXPIRED = "feed cursor expired"
    DOCUMENT_CUT = "document truncated"
    DOCUMENT_WRONG = "wrong document"
    ROW_LATE = "Q03 row committed behind the cursor"
    STORE_RESTORED = "Q04 mission store restored"
    EDITED = "Q05 mission edited"
    WITHDRAWN = "Q06 mission withdrawn"
    REVALIDATED = "Q07 mission validated again"
    DUPLICATE = "second mission of a student"
    HIDDEN = "row hidden for a while"
    DELETED = "row deleted"
    STORE_EMPTIED = "store emptied for a while"
    STORE_DOWN = "store unreachable"
    CRASH = "crash of a replica"
    PAUSE = "L02 pause longer than the lease"
    SUSPEND = "T03 machine asleep"
    CLOCK_JUMP = "T01 wall clock jumps"
    CLOCK_SKEW = "T04 wall clock is off"
    STOP = "orderly stop"
    PARTITION = "L03 replica cut off from its database"
    RESTORE = "B07 ledger restored from a snapshot"
    COMMIT_UNANSWERED = "reply to COMMIT lost, committed"
    COMMIT_LOST = "connection lost before COMMIT"
    DATABASE_FAILED = "database fails for a moment"
    NEWER_WORDS = "L06 a newer version's word"
    MAIL_DEFERRED = "mail 4xx"
    MAIL_UNANSWERED = "mail lost after the dot"
    MAIL_REFUSED = "mail 5xx for a recipient"
    MAIL_DOWN = "mail server unreachable"
    DISK_FULL = "no room for documents"


def instant(seconds: float) -> datetime:
    """Return the world's instant so many seconds after the beginning."""
    return EPOCH + timedelta(seconds=seconds)
