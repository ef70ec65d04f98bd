"""Runs sites side by side, breaks them, watches them, and says in the end what was not as it should be."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.faults.soak.breakages import BREAKAGES
from tests.faults.soak.judgement import Verdict, judge
from tests.faults.soak.plan import Plan
from tests.faults.soak.sampling import Sample, look_at
from tests.faults.soak.site import Site
from tests.faults.soak.traffic import Life

Tell = Callable[[str], None]
_CRASHES = frozenset({"daemon.crashed", "contract.crashed", "letter.crashed", "contract.quarantined"})
_LONGEST_END_S = 10.0
_UNPUNCTUAL_S = 30.0


@dataclass(slots=True, kw_only=True)
class Record:
    """What happened at one site."""

    site: str
    series: list[Sample] = field(default_factory=list)
    breakages: Counter[str] = field(default_factory=Counter)
    everything_broke: asyncio.Event = field(default_factory=asyncio.Event)
    longest_calm_s: float = 0.0
    missions: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    letters: int = 0
    repeated_letters: int = 0
    exit_code: int | None = None
    end_took_s: float = 0.0
    findings: list[str] = field(default_factory=list)
    verdict: Verdict | None = None


async def soak(site: Site, plan: Plan, tell: Tell) -> Record:
    """Live at a site for as long as the plan says; return what happened. The findings are what must not be."""
    record = Record(site=site.name)
    await site.traffic.write(plan.at_once)
    await site.start()
    people = asyncio.create_task(site.traffic.live())
    try:
        await _live_dangerously(site, plan, record, tell)
        await _come_to_rest(site, plan, record)
    finally:
        people.cancel()
        await asyncio.gather(people, return_exceptions=True)
    record.exit_code, record.end_took_s = await site.end()
    record.findings += [*_of_the_end(record), *_of_the_letters(site, record), *_of_the_log(site)]
    record.verdict = judge(record.series, plan.limits)
    record.findings += record.verdict.findings
    return record


async def _live_dangerously(site: Site, plan: Plan, record: Record, tell: Tell) -> None:
    begun = time.monotonic()
    writing = site.traffic.keep_writing(most=plan.missions, every_s=plan.pace_s)
    async with asyncio.TaskGroup() as life:
        tasks = [
            life.create_task(writing),
            life.create_task(_break_things(site, plan, record)),
            life.create_task(_watch(site, plan, record, begun, tell)),
        ]
        await asyncio.sleep(plan.lasts_s)
        await record.everything_broke.wait()  # once at least, however slow the machine
        for task in tasks:
            task.cancel()


async def _break_things(site: Site, plan: Plan, record: Record) -> None:
    """Break everything in turn, in an order that the seed gives."""
    dice = random.Random(f"{plan.seed} {site.name}")  # noqa: S311 - repeatable on purpose
    while True:
        for name in dice.sample(list(BREAKAGES), len(BREAKAGES)):
            calm_since = time.monotonic()
            await asyncio.sleep(dice.uniform(*plan.pause_s))
            record.longest_calm_s = max(record.longest_calm_s, time.monotonic() - calm_since)
            record.breakages[name] += 1
            try:
                async with asyncio.timeout(plan.patience_s):
                    await BREAKAGES[name](site, dice.uniform(*plan.breakage_s))
            except TimeoutError:
                record.findings.append(f"it took too long: {name}")
        record.everything_broke.set()


async def _watch(site: Site, plan: Plan, record: Record, begun: float, tell: Tell) -> None:
    while True:
        try:
            sample = await look_at(site.pid, at_s=time.monotonic() - begun, ops_port=site.ops_port)
        except OSError:
            record.findings.append(f"the daemon ended by itself after {time.monotonic() - begun:.0f} s")
            return
        record.series.append(sample)
        tell(
            f"{sample.at_s:6.0f} s  {site.name:10}  missions {site.traffic.written:5}  "
            f"contracts {site.remote.creations():5}  letters {sum(site.office.taken_in.values()):6}  "
            f"breakages {record.breakages.total():4}  RSS {sample.rss_kb / 1024:6.1f} MB  fds {sample.fds:3}  "
            f"threads {sample.threads:2}  tasks {sample.tasks if sample.tasks is not None else '-'}"
        )
        await asyncio.sleep(plan.sample_every_s)


async def _come_to_rest(site: Site, plan: Plan, record: Record) -> None:
    """Wait until every mission stands where it should, with nothing broken any more."""
    expected = {mission_id: life.ends_at for mission_id, life in site.traffic.expected.items()}
    deadline, counts = time.monotonic() + plan.settle_s, Counter(expected.values())
    while await site.count_by_step() != counts and time.monotonic() < deadline:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.5)
    steps = await site.steps()
    record.missions, record.steps = len(expected), Counter(steps.values())
    lost = sorted(mission_id for mission_id in expected if mission_id not in steps)
    astray = Counter((expected[m], step) for m, step in steps.items() if expected.get(m) != step)
    if lost:
        record.findings.append(f"{len(lost)} missions are nowhere, {lost[0]} among them")
    record.findings += [f"{count} missions stand at {step}, not at {goal}" for (goal, step), count in astray.items()]
    record.findings += _of_cactus(site)


def _of_cactus(site: Site) -> list[str]:
    """Every apprentice's mission that may go ahead has one contract, asked for under one key."""
    contracts = Counter(str(contract["external_reference"]) for contract in site.remote.contracts.values())
    wanted = {m for m, life in site.traffic.expected.items() if life not in (Life.BROKEN, Life.OFFICE)}
    doubled = [m for m, count in contracts.items() if count > 1 or len(site.keys[m]) > 1]
    findings = [f"{len(doubled)} missions were asked for twice, {doubled[0]} among them"] if doubled else []
    if set(contracts) != wanted:
        findings.append(f"{len(wanted ^ set(contracts))} missions have a contract that they must not have, or none")
    return findings


def _of_the_end(record: Record) -> list[str]:
    findings = [f"it ended with {record.exit_code}"] if record.exit_code != 0 else []
    if record.end_took_s > _LONGEST_END_S:
        findings.append(f"its end took {record.end_took_s:.1f} s")
    if record.longest_calm_s > _UNPUNCTUAL_S:
        findings.append(f"nothing was broken for {record.longest_calm_s:.0f} s")
    return findings


def _of_the_letters(site: Site, record: Record) -> list[str]:
    """Everybody was told of everything: once, and once more for each unknown outcome at most (I6)."""
    office = site.office
    record.letters, too_often = office.taken_in.total(), office.too_often(site.database.unknown_outcomes())
    record.repeated_letters = sum(times - 1 for times in office.taken_in.values())
    findings = [f"{len(too_often)} letters came more often than unknown outcomes explain"] if too_often else []
    lives = site.traffic.expected
    told = {(mission_id, event) for mission_id, event, _ in office.names}
    due = ("contract.initialised", "documents.available", "registration.requested", "registration.invited")
    untold = [
        (m, event) for m, life in lives.items() if life.ends_at == "done" for event in due if (m, event) not in told
    ]
    if untold:
        findings.append(f"{len(untold)} letters never came, {untold[0]} among them")
    plain = {m for m, life in lives.items() if life is Life.PLAIN}
    anew = [letter for letter, names in office.names.items() if letter[0] in plain and len(names) > 1]
    if anew:
        findings.append(f"{len(anew)} letters came under two names, {anew[0][:2]} among them")
    return findings


def _of_the_log(site: Site) -> list[str]:
    """Nothing happened that nobody foresaw."""
    lines = site.log_file.read_text(encoding="utf-8").splitlines()
    events = Counter(_event_of(line) for line in lines)
    return [f"{count} times {event}" for event, count in events.items() if event in _CRASHES or event == _NO_LINE]


_NO_LINE = "a line that is none"


def _event_of(line: str) -> str:
    try:
        return str(json.loads(line)["event"])
    except (ValueError, KeyError, TypeError):
        return _NO_LINE


async def soak_all(sites: Sequence[Site], plan: Plan, tell: Tell) -> list[Record]:
    """Live at all sites at the same time."""
    return list(await asyncio.gather(*(soak(site, plan, tell) for site in sites)))
