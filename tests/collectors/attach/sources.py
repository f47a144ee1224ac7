"""What other products keep in Elasticsearch, put there for tests, and `causeway attach` as a user runs it."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import orjson

from causeway import cli
from causeway.errors import CausewayError
from causeway.stores import open_store
from tests.servers.collector import EVER
from tests.servers.elasticsearch import Cluster
from tests.servers.process import Child, running

Document = dict[str, Any]
Calls = dict[tuple[str, str], int]
RUN_S = 120


@dataclass(frozen=True, slots=True)
class Index:
    """An index, alias or data stream of some product."""

    url: str
    name: str

    def put(self, documents: Iterable[Document]) -> None:
        """Write documents as the product does, without ids; return when they can be found."""
        lines = [b'{"create":{}}\n' + orjson.dumps(document) + b"\n" for document in documents]
        for start in range(0, len(lines), 5000):
            answer = httpx2.post(
                f"{self.url}/{self.name}/_bulk",
                content=b"".join(lines[start : start + 5000]),
                headers={"content-type": "application/x-ndjson"},
                timeout=60,
            )
            assert answer.status_code == 200 and not answer.json()["errors"], answer.text[:1000]
        httpx2.post(f"{self.url}/{self.name}/_refresh", timeout=30).raise_for_status()


@contextlib.contextmanager
def made_index(cluster: Cluster, name: str, mappings: Document, *, aliases: Sequence[str] = ()) -> Iterator[Index]:
    """An index as long as the block lasts."""
    body = {"mappings": mappings, "aliases": {alias: {} for alias in aliases}}
    httpx2.put(f"{cluster.url}/{name}", json=body, timeout=30).raise_for_status()
    try:
        yield Index(cluster.url, name)
    finally:
        httpx2.delete(f"{cluster.url}/{name}", timeout=30)


@contextlib.contextmanager
def made_stream(cluster: Cluster, name: str, mappings: Document) -> Iterator[Index]:
    """A data stream as long as the block lasts."""
    template = {
        "index_patterns": [name],
        "data_stream": {},
        "priority": 600,
        "template": {"mappings": mappings, "settings": {"number_of_replicas": 0}},
    }
    httpx2.put(f"{cluster.url}/_index_template/test-{name}", json=template, timeout=30).raise_for_status()
    try:
        yield Index(cluster.url, name)
    finally:
        # Deleting a backing index that is written to is refused, and this server lacks the API for streams; the
        # others' names hold a random part, so that what is left disturbs nobody.
        httpx2.delete(f"{cluster.url}/_data_stream/{name}", timeout=30)
        httpx2.delete(f"{cluster.url}/_index_template/test-{name}", timeout=30)


def unique(name: str) -> str:
    return name.replace("*", secrets.token_hex(4))


@dataclass(frozen=True, slots=True)
class Recorded:
    """Documents that a real Jaeger wrote, their mapping, and the calls between services counted from the spans."""

    documents: list[Document]
    mappings: Document
    calls: Calls

    def copy(self, number: int) -> list[Document]:
        """The same traces under other ids, `number` minutes later."""
        found = []
        for document in self.documents:
            trace = f"{number:04x}{document['traceID'][4:]}"
            references = [{**one, "traceID": trace} for one in document["references"] or ()]
            found.append(
                {
                    **document,
                    "traceID": trace,
                    "references": references,
                    "startTime": document["startTime"] + number * 60_000_000,
                    "startTimeMillis": document["startTimeMillis"] + number * 60_000,
                }
            )
        return found


def recorded(folder: Path) -> Recorded:
    folder = folder / "jaeger_index"
    with gzip.open(folder / "jaeger-span-2023-01-29.ndjson.gz") as lines:
        documents = [orjson.loads(line)["_source"] for line in lines]
    mappings = next(iter(json.loads((folder / "mapping.json").read_text()).values()))["mappings"]
    truth = json.loads((folder / "truth.json").read_text())
    return Recorded(documents, mappings, {(one["caller"], one["callee"]): one["calls"] for one in truth["edges"]})


@dataclass(frozen=True, slots=True)
class Done:
    """How a run ended: its exit status and what it said."""

    returncode: int
    stderr: str


def attach(cluster: Cluster, index: str, data: Path, *options: str) -> Done:
    """Run `causeway attach ... --once` in a process of its own."""
    arguments = [*_command(cluster, index, data), "--once", *options]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=RUN_S, check=False)
    return Done(done.returncode, done.stderr)


def attach_here(cluster: Cluster, index: str, data: Path, *options: str) -> Done:
    """As `attach`, but in this process: quicker."""
    arguments = [*_command(cluster, index, data)[3:], "--once", *options]
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            cli.build()(arguments, standalone_mode=False)
        except CausewayError as error:
            return Done(2, said.getvalue() + str(error))
    return Done(0, said.getvalue())


@contextlib.contextmanager
def attached(cluster: Cluster, index: str, data: Path, folder: Path) -> Iterator[Child]:
    """`causeway attach` that follows, as long as the block lasts."""
    with running([*_command(cluster, index, data), "--layout", "jaeger"], folder=folder, name="attach") as child:
        yield child


def _command(cluster: Cluster, index: str, data: Path) -> list[str]:
    location = f"elasticsearch://{cluster.url.removeprefix('http://')}"
    return [sys.executable, "-m", "causeway", "attach", location, "--index", index, "--data", str(data)]


def graph(data: Path, *options: str) -> Document:
    """What `causeway graph --format json` prints."""
    arguments = [sys.executable, "-m", "causeway", "graph", "--data", str(data), "--format", "json", *options]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=RUN_S, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def calls_in(data: Path) -> Calls:
    """Calls per edge of everything in the store."""
    reader = open_store(data)
    try:
        found: Counter[tuple[str, str]] = Counter()
        for row in reader.edges(EVER).to_pylist():
            found[row["caller"], row["callee"]] += row["calls"]
        return {pair: calls for pair, calls in found.items() if calls}
    finally:
        reader.close()


def spans_in(data: Path) -> int:
    reader = open_store(data)
    try:
        return reader.spans(EVER, columns=["start_ns"], limit=None).table.num_rows
    finally:
        reader.close()
