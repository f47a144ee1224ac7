"""What decoding OTLP costs: CPU microseconds a span by stage, on one thread.

Run `python -m benchmarks.decode [--load FILE] [--spans N]`. The load has the shape of `otlp_load.py` (25 attributes,
about 540 bytes a span, 1,000 spans a request); without that file a similar one is made here.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import platform
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.otlp import traces
from collectors.otlp.decode import decode, warm_up
from collectors.otlp.layouts import TRACES
from collectors.otlp.peers import CONSTANTS, peer_columns
from collectors.otlp.resources import Remembered
from collectors.otlp.rows import Envelope, attribute_map
from collectors.otlp.walker import Walker

BASE_NS = 1_790_000_000_000_000_000
PER_REQUEST = 1000


def cpu_us(work: Callable[[], object], *, per: int, seconds: float = 1.0) -> float:
    """The least CPU time of one run of `work` in microseconds per item, over runs of about so many seconds."""
    work()
    best, deadline = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        gc.collect(0)
        start = time.process_time_ns()
        work()
        best = min(best, time.process_time_ns() - start)
    return round(best / 1e3 / per, 3)


def requests_of(load: Path | None, spans: int) -> list[bytes]:
    """Serialized requests of 1,000 spans."""
    if load is None:
        return [own_request(seed) for seed in range(max(1, spans // PER_REQUEST))]
    spec = importlib.util.spec_from_file_location("otlp_load", load)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    requests: list[bytes] = module.make_requests(spans, 1, PER_REQUEST, BASE_NS, 60)[0]
    return requests


def _attribute(key: str, value: str | int) -> KeyValue:
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def own_request(seed: int) -> bytes:
    """Spans of 50 pods with 13 attributes each, and 12 on the pod."""
    rng = random.Random(seed)
    request = ExportTraceServiceRequest()
    for pod in range(50):
        of_pod = request.resource_spans.add()
        of_pod.resource.attributes.extend(
            _attribute(key, f"{key}-{pod}")
            for key in ("service.name", "k8s.pod.name", *(f"k8s.label.{n}" for n in range(10)))
        )
        scope = of_pod.scope_spans.add()
        scope.scope.name = "io.opentelemetry.instrumentation"
        for _ in range(PER_REQUEST // 50):
            start = BASE_NS + rng.randrange(10**9)
            scope.spans.append(
                Span(
                    trace_id=rng.randbytes(16),
                    span_id=rng.randbytes(8),
                    parent_span_id=rng.randbytes(8),
                    name=f"GET /api/v1/item/{pod}",
                    kind=Span.SPAN_KIND_CLIENT,
                    start_time_unix_nano=start,
                    end_time_unix_nano=start + rng.randrange(10**8),
                    attributes=[
                        _attribute("http.request.method", "GET"),
                        _attribute("url.full", f"http://item.shop.svc:8080/api/v1/{rng.getrandbits(26)}"),
                        _attribute("server.address", "item.shop.svc"),
                        _attribute("http.response.status_code", 200),
                        *(_attribute(f"app.text.{n}", f"value {rng.getrandbits(16)}") for n in range(6)),
                        *(_attribute(f"app.number.{n}", rng.getrandbits(14)) for n in range(3)),
                    ],
                )
            )
    return request.SerializeToString()


def stages(payloads: Sequence[bytes]) -> dict[str, float]:
    """Microseconds a span: the walk over the bytes, the resources, the attribute map, the peers, all."""
    walker, remembered = Walker(TRACES), Remembered()
    walked = walker.walk(payloads, CONSTANTS)
    spans = walked.tables["spans"]
    count = len(spans)
    keep = np.ones(count, dtype=bool)
    envelope = Envelope(walked, remembered)
    resource_rows = envelope.resource_rows(spans)
    kinds = spans[:, TRACES.columns["spans"]["kind"]]
    attributes = walked.tables["attributes"]
    pairs = [(payload, "protobuf") for payload in payloads]
    return {
        "walk": cpu_us(lambda: walker.walk(payloads, CONSTANTS), per=count),
        "resources": cpu_us(lambda: Envelope(walked, remembered), per=count),
        "attributes": cpu_us(lambda: attribute_map(walked, TRACES, "attributes", attributes, count), per=count),
        "peers": cpu_us(lambda: peer_columns(walked.buffer, kinds, attributes, int(walked.bounds[-1])), per=count),
        "columns": cpu_us(lambda: traces._columns(walked, envelope, spans, resource_rows, keep), per=count),
        "all": cpu_us(lambda: decode("traces", pairs), per=count),
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", type=Path, help="path of otlp_load.py")
    parser.add_argument("--spans", type=int, default=4000)
    options = parser.parse_args()
    warm_start = time.perf_counter()
    warm_up()
    warm_up_s = time.perf_counter() - warm_start
    payloads = requests_of(options.load, options.spans)
    small = requests_of(options.load, 10)[:1] if options.load else [b""]
    print(
        json.dumps(
            {
                "us_per_span": stages(payloads),
                "ms_per_small_request": cpu_us(lambda: decode("traces", [(small[0], "protobuf")]), per=1000),
                "warm_up_s": round(warm_up_s, 2),
                "spans": options.spans,
                "bytes_per_span": round(sum(map(len, payloads)) / options.spans, 1),
                "machine": f"{platform.machine()} {platform.python_version()}",
            }
        )
    )


if __name__ == "__main__":
    main()
