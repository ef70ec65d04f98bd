"""The command `python -m tests.faults.seeded_bugs`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import count

from tests.faults.seeded_bugs.bug import Bug
from tests.faults.seeded_bugs.catalogue import BUGS
from tests.faults.seeded_bugs.nursery import open_nursery
from tests.faults.seeded_bugs.planting import CatchersAreBrokenError, Fate, Result, check_catchers, plant_all


def main() -> int:
    """List or plant; return 1 unless everything that was planted was caught."""
    options = _options()
    unknown = sorted(set(options.names) - {bug.name for bug in BUGS})
    if unknown:
        print(f"no such bug: {', '.join(unknown)}", file=sys.stderr)
        return 2
    bugs = [bug for bug in BUGS if not options.names or bug.name in options.names]
    if options.what == "list":
        return _list(bugs, as_json=options.json)
    try:
        return _plant(bugs, as_json=options.json)
    except CatchersAreBrokenError as error:
        print(f"the catchers are broken, nothing was planted: {error}", file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.seeded_bugs", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("run", "list"), default="run")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these (all of them otherwise)")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return parser.parse_args()


def _list(bugs: Sequence[Bug], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps([{"name": b.name, "story": b.story, "catchers": b.catchers} for b in bugs], indent=2))
        return 0
    for bug in bugs:
        print(f"{bug.name:44} {bug.story}")
    return 0


def _plant(bugs: Sequence[Bug], *, as_json: bool) -> int:
    number = count(1)

    def tell(result: Result) -> None:
        print(f"{next(number):2}/{len(bugs)}  {result.fate:8} {result.took_s:5.1f} s  {result.name}", file=sys.stderr)
        print(f"       {result.by or '(every catcher passed)'}", file=sys.stderr)

    with open_nursery() as nursery:
        print("the catchers, on the product as it is …", file=sys.stderr)
        check_catchers(nursery, bugs)
        results = plant_all(nursery, bugs, tell)
    caught = sum(result.fate is Fate.CAUGHT for result in results)
    if as_json:
        print(json.dumps({"bugs": [asdict(r) for r in results], "caught": caught, "planted": len(bugs)}, indent=2))
    else:
        print(f"{caught} of {len(bugs)} bugs were caught")
    return 0 if caught == len(bugs) else 1


if __name__ == "__main__":
    sys.exit(main())
