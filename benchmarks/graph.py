"""From spans in a store to the call graph: how long, at what cost, and is it the true one.

    python -m benchmarks.graph --spans 10000000 --services 100 --memory-gb 2 --json
    python -m benchmarks.graph --store elasticsearch --spans 1000000 --services 100 --workers 2 --json

Spans are written before the clock starts. Embedded: `seconds` is what one process takes to read the spans of a store,
to make every rollup table anew and to write it; `identical_to_full` says that the rollups made at intake equal those,
row for row, and that the calls between services are those that were made. `incremental_seconds_per_minute` is what the
writer took for a whole minute of spans (identities, linking, rollups, sorting, writing, commits), at the end; `_first`
is the same in a store with a million spans, which takes the same minutes in turns with it. Files lie in the page cache.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.machine import report


def main() -> None:
    """Run the benchmark and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=("embedded", "elasticsearch"), default="embedded")
    parser.add_argument("--spans", type=int, help="default: 10 million; Elasticsearch: 1 million")
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--minutes", type=int, help="over which the spans are spread; default: 500,000 a minute, or 20")
    parser.add_argument("--memory-gb", type=float, default=2.0, help="embedded: what the build may take")
    parser.add_argument("--folder", type=Path, help="embedded: where the store is made, and left; default: thrown away")
    parser.add_argument("--workers", type=int, default=1, help="Elasticsearch: processes")
    parser.add_argument("--url", help="a running Elasticsearch; default: one of its own")
    parser.add_argument("--json", action="store_true", help="accepted for symmetry: the answer is always JSON")
    asked = parser.parse_args()
    if asked.store == "embedded":
        from benchmarks import graph_embedded

        report(
            graph_embedded.run(
                spans=asked.spans or 10_000_000,
                services=asked.services,
                minutes=asked.minutes,
                memory_gb=asked.memory_gb,
                folder=asked.folder,
            )
        )
    else:
        from benchmarks import graph_elasticsearch

        report(
            graph_elasticsearch.run(
                spans=asked.spans or 1_000_000,
                services=asked.services,
                minutes=asked.minutes or 20,
                workers=asked.workers,
                url=asked.url,
            )
        )


if __name__ == "__main__":
    main()
