"""Dashboard, log format and alert rules only speak of events, keys and metrics that exist."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from syncd.events import ALWAYS_KEPT, CATALOGUE
from syncd.model import NotificationState, Step

CONFIG = Path(__file__).parents[2] / "config"
HEADER = {"timestamp", "level", "event"}
KEYS = HEADER | ALWAYS_KEPT | {key for entry in CATALOGUE.values() for key in entry.keys}
LEVELS = {"debug", "info", "warning", "error"}

Panel = dict[str, object]

# ----------------------------------------------------------------------------------------------------------- dashboard

DASHBOARD = json.loads((CONFIG / "grafana" / "syncd-logs.json").read_text(encoding="utf-8"))
PANELS = cast("list[Panel]", DASHBOARD["panels"])


def queries(node: object) -> Iterator[str]:
    """Yield every LogQL expression below a node."""
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        for child in node.values():
            yield from queries(child)
    elif isinstance(node, list):
        for child in node:
            yield from queries(child)


QUERIES = sorted(set(queries(DASHBOARD)))


def events_of(query: str) -> list[str]:
    """Return the events that a query selects, `event="a.b"` or `event=~"a[.](b|c)|d[.]e"`."""
    exact = re.findall(r'event="([^"]+)"', query)
    patterns = [re.compile(pattern) for pattern in re.findall(r'event=~"([^"]+)"', query)]
    for pattern in patterns:
        for alternative in _alternatives(pattern.pattern):
            assert any(re.fullmatch(alternative, name) for name in CATALOGUE), alternative
    return [*exact, *(name for name in CATALOGUE if any(pattern.fullmatch(name) for pattern in patterns))]


def _alternatives(pattern: str) -> Iterator[str]:
    for part in re.split(r"\|(?![^(]*\))", pattern):
        grouped = re.fullmatch(r"(.*)\((.*)\)", part)
        yield from (grouped[1] + word for word in grouped[2].split("|")) if grouped else [part]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_events_and_keys_of_the_catalogue(query: str) -> None:
    events = events_of(query)
    labels = set(re.findall(r"(?:\| |by \(|unwrap )(\w+)(?:=|\)| )", query)) - {"json", "line_format", "unwrap"}
    shown = set(re.findall(r"\{\{\.(\w+)\}\}", query))
    carried = set.intersection(*(set(CATALOGUE[event].logged_keys) for event in events)) if events else KEYS

    assert all(event in CATALOGUE for event in events)
    assert labels | shown <= KEYS | {"__error__"}
    if events and "unwrap" in query:
        assert labels <= carried | HEADER | {"__error__"}
    assert set(re.findall(r'level="(\w+)"', query)) <= LEVELS


def test_a_query_over_one_event_groups_by_a_key_that_it_carries() -> None:
    for query in QUERIES:
        for key in re.findall(r"sum by \((\w+)\)", query):
            assert all(key in CATALOGUE[event].logged_keys | HEADER for event in events_of(query)), query


def test_brackets_of_every_query_are_closed() -> None:
    for query in QUERIES:
        assert all(query.count(left) == query.count(right) for left, right in ("()", "[]", "{}")), query


def test_panels_have_a_place_a_title_and_a_description_of_their_own() -> None:
    squares: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = cast("dict[str, int]", panel["gridPos"])
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not own & squares, panel["title"]
        assert place["x"] + place["w"] <= 24
        squares |= own

    assert len({panel["id"] for panel in PANELS}) == len({panel["title"] for panel in PANELS}) == len(PANELS)
    assert all(panel["description"] for panel in PANELS)


def test_the_dashboard_asks_for_its_source_and_uses_no_variable_it_does_not_have() -> None:
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(DASHBOARD)))

    assert used == variables


# ---------------------------------------------------------------------------------------------------------------- lnav


def test_the_log_format_knows_our_lines() -> None:
    (log,) = [
        value for key, value in json.loads((CONFIG / "lnav" / "syncd.json").read_text()).items() if key != "$schema"
    ]
    fields = {part["field"] for part in log["line-format"] if isinstance(part, dict)} - {"__timestamp__"}

    assert {log["timestamp-field"], log["level-field"], log["body-field"]} == HEADER
    assert set(log["level"]) == LEVELS
    assert set(log["value"]) <= KEYS
    assert fields <= set(log["value"]) | HEADER
    assert log["opid-field"] in log["value"]
    assert log["file-type"] == "json"


# -------------------------------------------------------------------------------------------------------------- alerts

FLOWS = {"missions", "feed", "sweep", "mail"}
METRICS: dict[str, dict[str, set[str] | None]] = {
    "syncd_contracts": {"step": {str(step) for step in Step}},
    "syncd_flow_last_success_timestamp_seconds": {"flow": FLOWS},
    "syncd_flow_last_row_timestamp_seconds": {"flow": FLOWS},
    "syncd_flow_last_change_timestamp_seconds": {"flow": FLOWS},
    "syncd_letters": {"state": {str(state) for state in NotificationState}},
    "syncd_oldest_due_seconds": {},
    "syncd_oldest_letter_seconds": {},
    "syncd_gate_closed": {"remote": {"cactus", "mail"}},
    "syncd_credentials_refused": {"remote": {"cactus", "mail"}},
    "syncd_ledger_up": {},
    "syncd_guard_tripped": {"guard": {"contracts", "mails", "sweep"}},
    "syncd_needs_person": {},
    "syncd_replicas": {},
    "syncd_build_info": {"version": None},
}
"""The metrics with their labels, and what a label can be (`None`: anything)."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule, as its lines say."""

    name: str
    lines: dict[str, str]


def alerts() -> list[Alert]:
    """Read the rules, which keep to a simple form of YAML: one `key: value` a line, no quotes, no folding."""
    text = (CONFIG / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    head, *blocks = re.split(
        r"^      - alert: ", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE
    )
    assert head == "groups:\n  - name: syncd\n    rules:\n"
    return [_alert(block) for block in blocks]


def _alert(block: str) -> Alert:
    name, *rest = [line for line in block.splitlines() if line]
    lines = [re.fullmatch(r" {8,10}(\w+): ?(.*)", line) for line in rest]
    assert all(lines), block
    return Alert(name, {line[1]: line[2] for line in lines if line is not None})


ALERTS = alerts()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_says_what_is_wrong_and_what_to_do(alert: Alert) -> None:
    assert re.fullmatch(r"Syncd([A-Z][a-z]+)+", alert.name)
    assert alert.lines["severity"] in {"critical", "warning"}
    assert alert.lines["summary"].endswith(".")
    assert len(alert.lines["description"]) > 20
    assert re.fullmatch(r"\d+[mh]", alert.lines.get("for", "1m"))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_only_asks_for_metrics_and_labels_that_exist(alert: Alert) -> None:
    expression = alert.lines["expr"]
    metrics = set(re.findall(r"syncd_\w+", expression))
    labels = {label for metric in metrics for label in METRICS[metric]}

    assert metrics
    assert metrics <= set(METRICS)
    assert set(re.findall(r"by \((\w+)\)", expression)) <= labels
    for label, words in re.findall(r'(\w+)=~?"([^"]+)"', expression):
        (metric,) = metrics
        known = METRICS[metric][label]
        assert known is None or set(words.split("|")) <= known
    assert set(re.findall(r"\$labels\.(\w+)", "".join(alert.lines.values()))) <= labels


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_a_rule_is_the_same_yaml_for_everybody(alert: Alert) -> None:
    """A colon and a space, or a number sign after a space, would end a plain value."""
    for value in alert.lines.values():
        assert ": " not in value
        assert " #" not in value
        assert not value.startswith(tuple("{[&*!|>'\"%@`,?-"))


def test_every_metric_that_is_watched_is_served() -> None:
    source = (CONFIG.parent / "syncd" / "web" / "metrics.py").read_text(encoding="utf-8")
    served = {name for written in re.findall(r'"(syncd_[\w{}]+)"', source) for name in _written_out(written)}

    assert set(METRICS) <= served


def _written_out(name: str) -> list[str]:
    return [name.replace("{name}", moment) for moment in ("success", "failure", "row", "change")]


def test_every_metric_is_watched() -> None:
    watched = {metric for alert in ALERTS for metric in re.findall(r"syncd_\w+", alert.lines["expr"])}

    assert watched == set(METRICS)


def test_prometheus_itself_agrees_where_it_is_there() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        return

    subprocess.run([promtool, "check", "rules", CONFIG / "prometheus" / "alerts.yml"], check=True, capture_output=True)
