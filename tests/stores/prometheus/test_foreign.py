"""Reading what somebody else's Prometheus scraped: a real server, with targets as clusters have them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from causeway.errors import StoreError
from causeway.stores.contract import SampleFilter
from causeway.stores.prometheus.owners import Owners, workload
from causeway.stores.prometheus.reader import PrometheusReader
from causeway.stores.prometheus.settings import RULES, PrometheusSettings, SeriesRule
from causeway.window import SECOND_NS, Window
from tests.servers.process import wait_for
from tests.servers.prometheus import prometheus

PAGE = b"""\
# HELP container_cpu_usage_seconds_total CPU time
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{namespace="shop",pod="cart-7d9f8b6c5-x2x7k",container="cart",cpu="total"} 12.5
container_cpu_usage_seconds_total{namespace="shop",pod="cart-7d9f8b6c5-x2x7k",container="POD",cpu="total"} 0.5
container_cpu_usage_seconds_total{namespace="shop",pod="cart-7d9f8b6c5-x2x7k",cpu="total"} 13
# TYPE kube_deployment_status_replicas gauge
kube_deployment_status_replicas{namespace="shop",deployment="payment"} 3
# TYPE node_load1 gauge
node_load1 0.75
# HELP http_server_request_duration_seconds How long
# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_bucket{http_route="/cart",service="cart",le="0.1"} 3
http_server_request_duration_seconds_bucket{http_route="/cart",service="cart",le="1"} 7
http_server_request_duration_seconds_bucket{http_route="/cart",service="cart",le="+Inf"} 8
http_server_request_duration_seconds_sum{http_route="/cart",service="cart"} 4.5
http_server_request_duration_seconds_count{http_route="/cart",service="cart"} 8
# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.5"} 0.25
rpc_duration_seconds{quantile="0.99"} 2
rpc_duration_seconds_sum 17.5
rpc_duration_seconds_count 31
# TYPE odd gauge
odd{weird="a\\"b\\\\c=~|.*"} 1
"""


class _Target(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has scraped the page at least three times, by `job="billing"`."""
    target = ThreadingHTTPServer(("127.0.0.1", 0), _Target)
    thread = threading.Thread(target=target.serve_forever, daemon=True)
    thread.start()
    scrape = f"""\
scrape_configs:
  - job_name: billing
    scrape_interval: 500ms
    scrape_timeout: 500ms
    static_configs: [{{targets: ["127.0.0.1:{target.server_address[1]}"]}}]
"""
    try:
        with prometheus(tmp_path_factory.mktemp("prometheus"), scrape=scrape) as server:
            reader = PrometheusReader(PrometheusSettings(url=server.url))
            wait_for(lambda: reader.samples(_now(), SampleFilter(names=["odd"])).num_rows >= 3, what="three scrapes")
            reader.close()
            yield server.url
    finally:
        target.shutdown()
        target.server_close()
        thread.join()


def _now() -> Window:
    now = time.time_ns()
    return Window(now - 600 * SECOND_NS, now + SECOND_NS)


@pytest.fixture
def reader(url: str) -> Iterator[PrometheusReader]:
    reader = PrometheusReader(PrometheusSettings(url=url))
    yield reader
    reader.close()


def test_series_of_others_are_named_by_conventions_and_metadata(reader: PrometheusReader) -> None:
    """cAdvisor's CPU time is `container.cpu.time`; its owner is the container, not the pod or the pause beside it."""
    rows = reader.series(SampleFilter(names=["container.cpu.time"])).to_pylist()
    owners = [(row["service"], row["instance"]) for row in rows]
    assert sorted(owners, key=str) == [("cart", "cart-7d9f8b6c5-x2x7k"), *[(None, "cart-7d9f8b6c5-x2x7k")] * 2]
    (cart,) = (row for row in rows if row["service"] == "cart")
    assert (cart["unit"], cart["type"], cart["temporality"], cart["monotonic"]) == ("s", "sum", "CUMULATIVE", True)
    assert cart["description"] == "CPU time"
    assert ("namespace", "shop") in cart["attributes"] and ("cpu", "total") in cart["attributes"]


def test_a_service_is_found_by_whichever_label_says_it(reader: PrometheusReader) -> None:
    """`container`, `service`, `deployment` and `job`, each series by its own rule."""
    by_service = {
        service: set(reader.series(SampleFilter(service=service))["name"].to_pylist())
        for service in ("cart", "payment", "billing", "nobody")
    }
    assert by_service["cart"] == {"container.cpu.time", "http.server.request.duration"}
    assert by_service["payment"] == {"kube_deployment_status_replicas"}
    assert {"odd", "rpc_duration_seconds", "up"} <= by_service["billing"]
    assert by_service["nobody"] == set()
    assert {"cart", "payment", "billing"} <= set(reader.services(_now()))
    node = reader.series(SampleFilter(names=["node_load1"])).to_pylist()[0]
    assert node["service"] is None and node["instance"].startswith("127.0.0.1:")


def test_classic_histograms_and_summaries_are_points(reader: PrometheusReader) -> None:
    """Buckets are no longer cumulative; the parts are no samples of their own."""
    window = _now()
    names = {row["series_id"]: row["name"] for row in reader.series().to_pylist()}
    found = {names[row["series_id"]]: row for row in reader.histograms(window).to_pylist()}
    latency = found["http.server.request.duration"]
    assert (latency["bounds"], latency["counts"]) == ([0.1, 1.0], [3.0, 4.0, 1.0])
    assert (latency["count"], latency["sum"], latency["min"]) == (8, 4.5, None)
    calls = found["rpc_duration_seconds"]
    assert (calls["bounds"], calls["counts"], calls["count"]) == ([0.5, 0.99], [0.25, 2.0], 31)
    sampled = {names[series_id] for series_id in reader.samples(window)["series_id"].to_pylist()}
    assert "odd" in sampled and not any(name.endswith(("_bucket", "_sum", "_count")) for name in sampled)
    only = reader.histograms(window, SampleFilter(names=["http.server.request.duration"], service="cart"))
    assert only.num_rows > 0 and only.num_rows < reader.histograms(window).num_rows


def test_labels_are_compared_exactly(url: str) -> None:
    """Signs of regular expressions and quotes in a value are only themselves."""
    value = 'a"b\\c=~|.*'
    reader = PrometheusReader(PrometheusSettings(url=url, match={"weird": value}))
    assert set(reader.series()["name"].to_pylist()) == {"odd"}
    assert reader.samples(_now(), SampleFilter(names=["odd"])).num_rows >= 3
    assert reader.samples(_now(), SampleFilter(names=["o.d", "od+", "odd|up"])).num_rows == 0
    reader.close()


def test_others_can_be_left_out_and_limits_are_errors(url: str) -> None:
    """`foreign = false` reads ours only; too many series are refused with the setting's name."""
    reader = PrometheusReader(PrometheusSettings(url=url, foreign=False))
    assert reader.series().num_rows == reader.samples(_now()).num_rows == 0
    assert reader.services(_now()) == []
    reader.close()
    reader = PrometheusReader(PrometheusSettings(url=url, series_max=3))
    with pytest.raises(StoreError, match="series_max"):
        reader.samples(_now())
    reader.close()


def test_big_answers_come_in_pieces(url: str, reader: PrometheusReader) -> None:
    """However little is asked for at once, the answer is the same."""
    window = _now()
    small = PrometheusReader(PrometheusSettings(url=url, points_per_query=1000))
    assert small.samples(Window(window.start_ns, window.start_ns + 590 * SECOND_NS)).equals(
        reader.samples(Window(window.start_ns, window.start_ns + 590 * SECOND_NS))
    )
    small.close()


def test_a_server_that_is_away_says_where_it_was_looked_for(tmp_path: Path) -> None:
    """The error names the address."""
    reader = PrometheusReader(PrometheusSettings(url="http://127.0.0.1:9"))
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9"):
        reader.status()
    reader.close()


@pytest.mark.parametrize(
    ("pod", "wanted"),
    [
        ("cart-7d9f8b6c5-x2x7k", "cart"),
        ("cart-api-64c9d5f7b-abcde", "cart-api"),
        ("kafka-0", "kafka"),
        ("fluent-bit-x8k2p", "fluent-bit"),
        ("cart", "cart"),
    ],
)
def test_pods_belong_to_workloads(pod: str, wanted: str) -> None:
    """Deployment, stateful set, daemon set, bare pod."""
    assert workload(pod) == wanted


def test_rules_are_configurable() -> None:
    """The first rule that fits the metric decides, by the first label that is there."""
    own = Owners((SeriesRule("shop_.*", ("team", "app"), ("host",)), *RULES))
    labels = {"app": "cart", "host": "h1", "job": "x"}
    assert own.owner("shop_orders", labels)[:2] == ("cart", "h1")
    assert own.owner("shop_orders", labels | {"team": "blue"})[:2] == ("blue", "h1")
    assert own.owner("other", {"job": "shop/cart"})[:2] == ("cart", None)
