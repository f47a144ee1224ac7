"""A recording taken in by both modes gives the same answers: embedded, and Elasticsearch with VictoriaMetrics.

Compared are the call graph, the impact of every service and the diagnoses of injected faults, as JSON. Counts, names,
order and verdicts must be equal. Floats may differ by 1 in 10^9: sums of floats depend on the order of their terms.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from analytics.callgraph.graph import call_graph
from analytics.impact.scores import impact_scores, impacts_json
from analytics.rootcause.diagnose import diagnose
from analytics.world_build import build_world
from causeway import wire
from causeway.stores import open_store
from causeway.stores.contract import Reader
from causeway.window import MINUTE_NS, SECOND_NS, Window
from tests.distributed.cluster import distributed
from tests.servers.collector import running_collector
from tests.servers.elasticsearch import Cluster

TOLERANCE = 1e-9

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True, slots=True)
class Both:
    """Readers of the same recording."""

    embedded: Reader
    distributed: Reader


@pytest.fixture(scope="module")
def recording(shared_data: Path) -> Path:
    """TrainTicket as recorded: 252,893 spans, 132,033 log lines, 231,542 samples."""
    return shared_data / "nezha" / "trainticket"


@pytest.fixture(scope="module")
def both(recording: Path, elasticsearch: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Both modes, each with a collector of its own that took in the whole recording."""
    folder = tmp_path_factory.mktemp("same-answers")
    with running_collector(folder / "embedded") as collector:
        _replay(recording, collector.url)
    with distributed(folder / "distributed", elasticsearch) as platform:
        _replay(recording, platform.collector_url)
        platform.settle()
        embedded, reader = open_store(folder / "embedded"), platform.open_reader()
        yield Both(embedded, reader)
        embedded.close()
        reader.close()


def test_the_same_graph_and_impact(both: Both, recording: Path) -> None:
    """Every node, edge, entry, cycle, coverage figure and impact part, over the whole recording."""
    window = _whole(both.embedded)
    answers = []
    for reader in (both.embedded, both.distributed):
        world = build_world(reader, window, calls_only=True)
        graph = call_graph(world)
        answers.append({"graph": graph.to_json(), "impact": impacts_json(graph, impact_scores(world, graph))})
    assert len(answers[0]["graph"]["edges"]) > 40
    assert_same(answers[0], answers[1])


def test_the_same_diagnoses(both: Both, recording: Path) -> None:
    """Symptoms, onset, hypotheses, their order, evidence and words, for every third injected fault."""
    explained = 0
    for case in json.loads((recording / "cases.json").read_text())["cases"][::3]:
        injected_s = case["injected_at_unix_s"] // 60 * 60
        window = Window((injected_s - 60) * SECOND_NS, (injected_s + 180) * SECOND_NS)
        embedded, other = (
            wire.to_json(diagnose(build_world(reader, window, window.before(2 * MINUTE_NS))), "en")
            for reader in (both.embedded, both.distributed)
        )
        assert_same(embedded, other, f"{case['service']} at {injected_s}")
        explained += bool(embedded["hypotheses"])
    assert explained >= 4


def _whole(reader: Reader) -> Window:
    spans = reader.status().table("spans")
    assert spans.first_ns is not None and spans.last_ns is not None
    return Window(spans.first_ns, spans.last_ns + 1)


def _replay(recording: Path, url: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "causeway", "replay", str(recording), "--to", url, "--speed", "max"],
        check=True,
        capture_output=True,
        timeout=240,
    )


def assert_same(left: Any, right: Any, where: str = "") -> None:
    """Equal in everything, floats within TOLERANCE; names the first place that differs."""
    if isinstance(left, dict) and isinstance(right, dict):
        assert list(left) == list(right), where
        for key in left:
            assert_same(left[key], right[key], f"{where}.{key}")
    elif isinstance(left, list) and isinstance(right, list):
        assert len(left) == len(right), where
        for place, (one, other) in enumerate(zip(left, right, strict=True)):
            assert_same(one, other, f"{where}[{place}]")
    elif isinstance(left, float) and isinstance(right, float | int):
        assert math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE), f"{where}: {left} and {right}"
    else:
        assert left == right, f"{where}: {left!r} and {right!r}"
