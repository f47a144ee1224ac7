"""What template ids cost where log lines come in: OTLP requests decoded, without and with ids.

    python -m benchmarks.ingest_logs --lines 1000000 --json

Lines are made of some hundred statements with changing values, 1,000 a request. One process, one thread; the first
requests, in which statements are learned, are told apart. The answer is JSON.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from benchmarks.machine import report
from collectors.log_templates import LogTemplates
from collectors.otlp.decode import decode, warm_up

_PER_REQUEST = 1_000
_STATEMENTS = 300
_WORDS = (
    "order",
    "cart",
    "user",
    "payment",
    "session",
    "request",
    "cache",
    "queue",
    "worker",
    "node",
    "retry",
    "index",
)


def requests(lines: int, seed: int = 1) -> list[bytes]:
    """OTLP log requests in protobuf, of 1,000 lines each."""
    rng = random.Random(seed)
    said = [[rng.choice(_WORDS) for _ in range(rng.randint(3, 9))] for _ in range(_STATEMENTS)]
    found = []
    for first in range(0, lines, _PER_REQUEST):
        request = ExportLogsServiceRequest()
        scope = request.resource_logs.add().scope_logs.add()
        for number in range(first, min(first + _PER_REQUEST, lines)):
            words = rng.choice(said)
            record = scope.log_records.add(time_unix_nano=1_700_000_000_000_000_000 + number, severity_number=9)
            record.body.string_value = f"{' '.join(words)} id={rng.randrange(10**9)} took {rng.randrange(5000)} ms"
        found.append(request.SerializeToString())
    return found


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="accepted for symmetry: the answer is always JSON")
    arguments = parser.parse_args()
    payloads = requests(arguments.lines)
    warm_up()
    with tempfile.TemporaryDirectory() as folder:
        templates = LogTemplates(Path(folder))
        templates.warm_up()
        decoding = learning = filling = 0.0
        ids: set[int] = set()
        for place, payload in enumerate(payloads):
            began = time.process_time()
            tables = decode("logs", [(payload, "protobuf")]).tables
            decoded = time.process_time()
            filled = templates.fill(tables)
            done = time.process_time()
            decoding += decoded - began
            if place < len(payloads) // 10:
                learning += done - decoded
            else:
                filling += done - decoded
            ids.update(filled["logs"]["template_id"].unique().to_pylist())
    known = arguments.lines - arguments.lines // 10
    answer = {
        "lines": arguments.lines,
        "cpu_us_per_line_decode": round(1e6 * decoding / arguments.lines, 3),
        "cpu_us_per_line_ids": round(1e6 * filling / max(known, 1), 3),
        "cpu_us_per_line_ids_first_tenth": round(1e6 * learning / max(arguments.lines - known, 1), 3),
        "templates": len(ids),
    }
    report(answer)


if __name__ == "__main__":
    main()
