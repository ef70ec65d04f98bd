"""The metrics, in Prometheus's text format; but for the last one the ledger's, so every replica shows the same."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from syncd import __version__
from syncd.model import Step
from syncd.ports.reading import Backlog, FlowRow
from syncd.web.snapshot import Snapshot

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


@lru_cache(maxsize=1)
def render_metrics(snapshot: Snapshot | None) -> bytes:
    """Return the text of all metrics; without a snapshot it says that the ledger does not answer, and no more."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(snapshot))
    return generate_latest(registry)


def render_tasks(count: int) -> bytes:
    """Return the one metric that each process has of its own: a count that grows for ever is a leak."""
    return f"# HELP syncd_tasks Tasks of this process.\n# TYPE syncd_tasks gauge\nsyncd_tasks {count}\n".encode()


class _Families(Collector):
    def __init__(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        yield _labelled("syncd_build_info", "The version that answers.", "version", {__version__: 1})
        yield _gauge("syncd_ledger_up", "1 when the ledger could be read.", int(self._snapshot is not None))
        if self._snapshot is not None:
            yield from _of_ledger(self._snapshot)


def _of_ledger(snapshot: Snapshot) -> Iterator[Metric]:
    steps = {step.value: float(snapshot.steps.get(step, 0)) for step in Step}
    closed = {name: float(gate.closed_until is not None) for name, gate in snapshot.gates.items()}
    refused = {name: float(gate.is_credentials) for name, gate in snapshot.gates.items()}
    tripped = {name: float(guard.tripped_at is not None) for name, guard in snapshot.guards.items()}
    yield _labelled("syncd_contracts", "Contracts at each step.", "step", steps)
    yield _gauge("syncd_needs_person", "Contracts that wait for a person.", snapshot.needs_person)
    yield from _of_backlog(snapshot.backlog, snapshot.read_at)
    yield from _of_flows(snapshot.flows)
    yield _labelled("syncd_gate_closed", "1 from a pause until the remote answers again.", "remote", closed)
    yield _labelled("syncd_credentials_refused", "1 when the remote refuses our credentials.", "remote", refused)
    yield _labelled("syncd_guard_tripped", "1 when a brake waits for an approval.", "guard", tripped)
    yield _gauge("syncd_replicas", "Processes with a fresh heartbeat.", len(snapshot.living_replicas))


def _of_backlog(backlog: Backlog, now: datetime) -> Iterator[Metric]:
    letters = {"queued": backlog.letters_queued, "failed": backlog.letters_failed, "unknown": backlog.letters_unknown}
    yield _gauge("syncd_contracts_due", "Contracts that are due now.", backlog.contracts_due)
    yield _gauge("syncd_oldest_due_seconds", "Since when the oldest is due.", _age(backlog.oldest_due_at, now))
    yield _gauge("syncd_contracts_retrying", "Contracts that wait for another attempt.", backlog.contracts_retrying)
    yield _labelled("syncd_letters", "Letters that did not arrive for sure.", "state", letters)
    yield _gauge("syncd_oldest_letter_seconds", "Since when the oldest is queued.", _age(backlog.oldest_letter_at, now))
    yield _gauge("syncd_letters_retrying", "Letters that wait for another attempt.", backlog.letters_retrying)


def _of_flows(flows: Sequence[FlowRow]) -> Iterator[Metric]:
    moments = {
        "success": ("When a flow last went through.", {flow.flow: flow.last_success_at for flow in flows}),
        "failure": ("When a flow last failed.", {flow.flow: flow.last_failure_at for flow in flows}),
        "row": ("When a flow last saw anything.", {flow.flow: flow.last_row_at for flow in flows}),
        "change": ("When a flow last saw a change.", {flow.flow: flow.last_change_at for flow in flows}),
    }
    for name, (help_text, moment_of) in moments.items():
        known = {flow: moment.timestamp() for flow, moment in moment_of.items() if moment is not None}
        yield _labelled(f"syncd_flow_last_{name}_timestamp_seconds", help_text, "flow", known)


def _age(moment: datetime | None, now: datetime) -> float:
    return max((now - moment).total_seconds(), 0.0) if moment is not None else 0.0


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)


def _labelled(name: str, help_text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for label_value, value in values.items():
        family.add_metric([label_value], value)
    return family
