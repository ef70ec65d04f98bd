"""The mission store: reads validated missions from the FVMA application's database, and never writes there.

`sql` is the adapter; `reading`, `relation` and `dialects` know databases. Pure are `cursor` (the place of the reading),
and `values` and `rows`, which turn what a database holds into missions.
"""

from syncd.adapters.missions.sql import SqlMissionStore

__all__ = ["SqlMissionStore"]
