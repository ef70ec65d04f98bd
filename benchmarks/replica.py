"""One pass of syncd, as `syncd run --once`, that ends with a line of its own: how long each claim took, as JSON.

python -m benchmarks.replica
"""

import json
import signal
import sys
import time
from typing import Any
from unittest.mock import patch

from syncd.cli.invoking import invoke
from syncd.ports.ledger import Claimed
from syncd.store.ledger import SqlLedger

_LONGEST_S = 600
_claim = SqlLedger.claim
took_ms: list[float] = []
"""Of every claim that came to something; the others cost less, and would only embellish the rest."""


async def _timed(ledger: SqlLedger, **asked: Any) -> Claimed:
    since = time.monotonic()
    claimed = await _claim(ledger, **asked)
    if claimed.claims or claimed.settled:
        took_ms.append(1000 * (time.monotonic() - since))
    return claimed


if __name__ == "__main__":
    signal.alarm(_LONGEST_S)  # then it is ended, whatever it waits for
    sys.argv[1:] = ["run", "--once"]
    with patch.object(SqlLedger, "claim", _timed):
        code = invoke()
    print(json.dumps(took_ms))
    sys.exit(code)
