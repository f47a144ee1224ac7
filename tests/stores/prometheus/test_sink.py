"""Writing to real servers: outages, refusals, and what is kept and counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx2
import numpy as np
import pyarrow as pa
import pytest

from causeway import records
from causeway.errors import ConfigError, StoreError
from causeway.stores.contract import SampleFilter
from causeway.stores.prometheus.reader import PrometheusReader
from causeway.stores.prometheus.settings import PrometheusSettings, parse_location
from causeway.stores.prometheus.sink import EXEMPLAR, UNKNOWN_SERIES, PrometheusSink
from causeway.window import MINUTE_NS, Window
from tests.servers.prometheus import prometheus
from tests.servers.victoriametrics import victoria_metrics
from tests.stores.prometheus.answers import Answer, answering
from tests.stores.prometheus.series import SECOND_NS, START_NS, batch, series_row

WINDOW = Window(START_NS - 60 * MINUTE_NS, START_NS + 60 * MINUTE_NS)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that takes samples of any age."""
    with prometheus(tmp_path_factory.mktemp("prometheus")) as server:
        yield server.url


@contextmanager
def opened(url: str, **more: object) -> Iterator[tuple[PrometheusSink, PrometheusReader]]:
    """A sink and a reader that see only each other's series."""
    run = {"run": uuid4().hex}
    settings = PrometheusSettings(url=url, labels=run, match=run, retries=0, **more)  # type: ignore[arg-type]
    sink, reader = PrometheusSink(settings), PrometheusReader(settings)
    try:
        yield sink, reader
    finally:
        sink.close()
        reader.close()


def values(table: pa.Table) -> list[tuple[float, float]]:
    """(seconds after START_NS, value)."""
    return [((row["time_ns"] - START_NS) / SECOND_NS, row["value"]) for row in table.to_pylist()]


def test_a_series_reads_back_as_it_was_described(url: str) -> None:
    """Name, unit, type, temporality, owner, resource and attributes; of a delta sum too, which stays one."""
    rows = [
        series_row(-7),
        series_row(
            8,
            name="http.requests",
            unit="",
            type="sum",
            temporality="DELTA",
            monotonic=True,
            attributes=[("a.b", ""), ("a_b", "1")],
        ),
        series_row(9, name="bytes.out", unit="By", type="sum", temporality="CUMULATIVE", monotonic=True, instance=None),
    ]
    with opened(url) as (sink, reader):
        sink.flush([batch(rows, [(row["series_id"], 0, 1.5) for row in rows])], log_position=0)
        found = reader.series().to_pylist()
        wanted = [row | {"first_ns": None} for row in sorted(rows, key=lambda row: row["series_id"])]
        assert found == wanted
        assert reader.samples(WINDOW)["series_id"].to_pylist() == [-7, 8, 9]
        assert reader.samples(WINDOW, SampleFilter(names=["bytes.out"], service="cart")).num_rows == 1
        assert reader.samples(WINDOW, SampleFilter(instance="cart-1")).num_rows == 2
        assert reader.samples(WINDOW, SampleFilter(names=["bytes_out_bytes_total"])).num_rows == 0


def test_others_find_what_the_published_rules_promise(url: str) -> None:
    """Plain PromQL over `job` and `instance` joins a sample with the attributes of its resource."""
    with opened(url) as (sink, reader):
        sink.flush([batch([series_row()], [(1, 0, 3.0)])], log_position=0)
        run = reader._settings.match["run"]
        query = f'queue_length{{run="{run}"}} * on (job, instance, run) group_left (k8s_pod_name) target_info'
        answer = httpx2.get(f"{url}/api/v1/query", params={"query": query, "time": str(START_NS // SECOND_NS)}).json()
        (found,) = answer["data"]["result"]
        assert found["value"][1] == "3"
        assert found["metric"]["k8s_pod_name"] == "cart-7d9f8b6c5-x2x7k" and found["metric"]["job"] == "cart"


def test_a_server_that_stops_loses_nothing(tmp_path: Path) -> None:
    """While it is away flushing fails, and says so; the same batches go in when it is back, once."""
    first, second = (batch([series_row()], [(1, second, second)]) for second in (1.0, 2.0))
    with prometheus(tmp_path) as server, opened(server.url) as (sink, reader):
        assert sink.flush([first], log_position=1) == 1
        server.stop()
        with pytest.raises(StoreError, match="cannot write samples"):
            sink.flush([second], log_position=2)
        with pytest.raises(StoreError, match="cannot read"):
            reader.samples(WINDOW)
        server.start()
        for _ in range(2):
            assert sink.flush([first, second], log_position=2) == 2
        assert values(reader.samples(WINDOW)) == [(1.0, 1.0), (2.0, 2.0)]
        assert sink.counts.refused == {}


def test_of_a_bad_request_the_good_part_is_kept(tmp_path: Path) -> None:
    """Without an out-of-order window, late samples among good ones are refused alone, counted by the server's words."""
    late = [(1, 1.0, 5.0), (2, 1.0, 5.0)]
    good = [(3, float(second), 1.0) for second in range(20)] + [(1, 30.0, 2.0), (2, 30.0, 2.0)]
    rows = [series_row(number, attributes=[("n", str(number))]) for number in (1, 2, 3)]
    with prometheus(tmp_path, out_of_order="0s") as server, opened(server.url) as (sink, reader):
        sink.flush([batch(rows, [(1, 10.0, 1.0), (2, 10.0, 1.0)])], log_position=1)
        assert sink.flush([batch(rows, late + good)], log_position=2) == len(good)
        assert dict(sink.counts.refused) == {"out of order sample (HTTP 400)": 2}
        assert reader.samples(WINDOW).num_rows == len(good) + 2
        (problem,) = reader.status().problems
        assert "out_of_order_time_window" in problem


def test_a_request_that_stays_refused_is_given_up_at_last(tmp_path: Path) -> None:
    """Halving has a bound; what it leaves is counted as refused, and the drain goes on."""
    rows = [series_row(number, attributes=[("n", str(number))]) for number in range(40)]
    with prometheus(tmp_path, out_of_order="0s") as server, opened(server.url, splits_max=5) as (sink, _):
        sink.flush([batch(rows, [(number, 10.0, 1.0) for number in range(40)])], log_position=1)
        assert sink.flush([batch(rows, [(number, 1.0, 1.0) for number in range(40)])], log_position=2) == 0
        assert sum(sink.counts.refused.values()) == 40
        assert sink.counts.splits < 20


def test_what_cannot_be_kept_is_counted(url: str) -> None:
    """Exemplars, and samples of series that were never described."""
    tables = batch([series_row(1)], [(99, 1.0, 1.0)])
    exemplar = {"series_id": 1, "time_ns": START_NS, "value": 1.0, "trace_id": b"1" * 16, "attributes": []}
    tables["exemplars"] = pa.Table.from_pylist([exemplar], schema=records.EXEMPLARS)
    with opened(url) as (sink, reader):
        assert sink.flush([tables], log_position=1) == 0
        assert sink.counts.left_out == {UNKNOWN_SERIES: 1, EXEMPLAR: 1}
        assert reader.samples(WINDOW).num_rows == reader.exemplars(WINDOW).num_rows == 0


def test_exponential_histograms_become_classic_ones(url: str) -> None:
    """The bounds of the buckets that hold something, with the same counts; count, sum, min and max as they came."""
    tables = batch([series_row(1, type="exponential_histogram", name="latency", unit="s")], [])
    point = {
        "series_id": 1,
        "time_ns": START_NS,
        "count": 12,
        "sum": 30.5,
        "min": -2.0,
        "max": 7.0,
        "scale": 1,
        "zero_count": 2,
        "zero_threshold": 0.0,
        "positive_offset": 2,
        "positive_counts": [4, 0, 3],
        "negative_offset": -1,
        "negative_counts": [1, 2],
    }
    tables["histograms"] = pa.Table.from_pylist([point], schema=records.HISTOGRAMS)
    with opened(url) as (sink, reader):
        sink.flush([tables], log_position=1)
        (found,) = reader.histograms(WINDOW).to_pylist()
        # Positive buckets 2 and 4 end at 2^1.5 and 2^2.5, negative 0 and -1 at -1 and -2^-0.5.
        assert found["bounds"] == pytest.approx([-1.0, -(2**-0.5), 0.0, 2**1.5, 2**2.5], rel=1e-15)
        assert found["counts"] == [2.0, 1.0, 2.0, 4.0, 3.0, 0.0]
        assert [found[name] for name in ("count", "sum", "min", "max")] == [12, 30.5, -2.0, 7.0]
        assert reader.series()["type"].to_pylist() == ["exponential_histogram"]
        assert not sink.counts.left_out.total()


@pytest.mark.parametrize("server", [prometheus, victoria_metrics], ids=["Prometheus", "VictoriaMetrics"])
def test_no_recorded_value_ends_a_series(tmp_path: Path, server: object) -> None:
    """It is stored as the stale marker: no number is made of it, neither by us nor in PromQL."""
    with server(tmp_path) as running, opened(running.url) as (sink, reader):  # type: ignore[operator]
        sink.flush([batch([series_row()], [(1, 0.0, 1.0), (1, 10.0, float("nan"))])], log_position=1)
        httpx2.get(f"{running.url}/internal/force_flush")
        found = reader.samples(WINDOW)["value"].to_numpy()
        assert found[0] == 1.0 and np.isnan(found[1:]).all()
        at = str(START_NS // SECOND_NS + 11)
        answer = httpx2.get(f"{running.url}/api/v1/query", params={"query": "queue_length", "time": at}).json()
        assert answer["data"]["result"] == []


def test_a_server_that_is_busy_is_given_the_time_it_asks_for() -> None:
    """429 and 503 are sent again, not before Retry-After has passed; then the samples count as taken."""
    answers = [Answer(429, {"Retry-After": "1"}), Answer(503), Answer(204)]
    with answering(answers) as server:
        sink = PrometheusSink(PrometheusSettings(url=server.url, metadata_every_s=1e9))
        assert sink.flush([batch([series_row()], [(1, 0.0, 1.0)])], log_position=1) == 1
        assert sink.retries == 2
        assert server.times[1] - server.times[0] >= 1.0
        sink.close()


def test_a_server_that_asks_for_a_long_time_is_left_to_the_drain() -> None:
    """A wait above the limit is no wait within a flush: the drain comes back later."""
    with answering([Answer(503, {"Retry-After": "3600"})]) as server:
        sink = PrometheusSink(PrometheusSettings(url=server.url))
        with pytest.raises(StoreError, match="HTTP 503"):
            sink.flush([batch([series_row()], [(1, 0.0, 1.0)])], log_position=1)
        assert len(server.times) == 1
        sink.close()


def test_half_of_a_flush_that_went_in_is_not_sent_again() -> None:
    """After a failure in the middle only the rest is sent, as servers without an out-of-order window would refuse."""
    some = batch([series_row(n, attributes=[("n", str(n))]) for n in range(2)], [(0, 0.0, 1.0), (1, 0.0, 1.0)])
    settings = {"samples_per_request": 1, "shards": 1, "retries": 0}
    with answering([Answer(204), Answer(500), Answer(204)]) as server:
        sink = PrometheusSink(PrometheusSettings(url=server.url, **settings))  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="HTTP 500"):
            sink.flush([some], log_position=1)
        assert sink.flush([some], log_position=1) == 2
        series = [body for body in server.bodies if b"queue_length" in body and b"causeway_metric_info" not in body]
        assert len(set(series)) == 2
        sink.close()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_sender_keeps_its_samples(status: int) -> None:
    """Wrong secrets or a wrong address say nothing about the samples: they wait, and the text says what to do."""
    with answering([Answer(status)]) as server:
        sink = PrometheusSink(PrometheusSettings(url=server.url))
        with pytest.raises(StoreError, match=r"password_file|may not|remote-write-receiver"):
            sink.flush([batch([series_row()], [(1, 0.0, 1.0)])], log_position=1)
        assert not sink.counts.refused
        sink.close()


def test_secrets_go_out_in_headers_and_nowhere_else(tmp_path: Path) -> None:
    """Basic authentication from the location, a bearer token from a file, own headers; none of them is shown."""
    with answering([Answer(204)]) as server:
        host = server.url.removeprefix("http://")
        settings = parse_location(
            f"http://me:geheim@{host}?retries=0", PrometheusSettings(headers={"X-Scope-OrgID": "t1"})
        )
        assert "geheim" not in repr(settings) + settings.location()
        sink = PrometheusSink(settings)
        sink.flush([batch([series_row()], [(1, 0.0, 1.0)])], log_position=1)
        sink.close()
        assert server.headers[0]["authorization"] == "Basic bWU6Z2VoZWlt"
        assert server.headers[0]["x-scope-orgid"] == "t1"
        (tmp_path / "token").write_text("abc\n")
        sink = PrometheusSink(PrometheusSettings(url=server.url, token_file=str(tmp_path / "token")))
        sink.flush([batch([series_row()], [(1, 1.0, 1.0)])], log_position=2)
        sink.close()
        assert server.headers[-1]["authorization"] == "Bearer abc"
    with pytest.raises(ConfigError, match="cannot read"):
        PrometheusSink(PrometheusSettings(token_file=str(tmp_path / "nothing")))


def test_a_partial_answer_is_an_error() -> None:
    """A cluster that lost a node says so, and so do we, rather than show a part as the whole."""
    body = b'{"status":"success","isPartial":true,"data":{"resultType":"matrix","result":[]}}'
    with answering([Answer(200, body=body)]) as server:
        reader = PrometheusReader(PrometheusSettings(url=server.url))
        with pytest.raises(StoreError, match="partial"):
            reader.series()
        reader.close()


def test_an_answer_of_something_else_is_an_error() -> None:
    """A login page in place of the API, or JSON that is no range vector, is told as such."""
    for body, words in ((b"<html>", "no JSON"), (b'{"status":"error","error":"shut down"}', "shut down")):
        with answering([Answer(200, body=body)]) as server:
            reader = PrometheusReader(PrometheusSettings(url=server.url))
            with pytest.raises(StoreError, match=words):
                reader.series()
            reader.close()


def test_two_threads_read_at_once(url: str) -> None:
    """Readers are shared by the pages of a dashboard."""
    with opened(url) as (sink, reader):
        sink.flush([batch([series_row()], [(1, float(second), 1.0) for second in range(50)])], log_position=1)
        found: list[int] = []
        threads = [threading.Thread(target=lambda: found.append(reader.samples(WINDOW).num_rows)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [50] * 4


def test_a_server_with_a_low_limit_is_asked_for_less(tmp_path: Path) -> None:
    """An answer above the server's limit is asked for again in halves; what one second alone exceeds is an error."""
    rows = [series_row(number, attributes=[("n", str(number))]) for number in range(50)]
    samples = [(number, float(second), number * second / 7) for number in range(50) for second in range(100)]
    with prometheus(tmp_path, "--query.max-samples=500") as server, opened(server.url) as (sink, reader):
        sink.flush([batch(rows, samples)], log_position=1)
        found = reader.samples(WINDOW)
        wanted = sorted((number, START_NS + int(second) * SECOND_NS, value) for number, second, value in samples)
        rows_found = zip(*(found[name].to_pylist() for name in ("series_id", "time_ns", "value")), strict=True)
        assert list(rows_found) == wanted
    with prometheus(tmp_path, "--query.max-samples=20") as server, opened(server.url) as (sink, reader):
        sink.flush([batch(rows, samples)], log_position=1)
        with pytest.raises(StoreError, match="too many samples"):
            reader.samples(WINDOW)
