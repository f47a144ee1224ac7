"""Every stored line has its template's id: over batches, threads, restarts, damage, junk, and a real collector."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from analytics.logtemplates.catalogue import catalogue_of
from causeway import records
from causeway.logtemplates.miner import NO_BODY
from causeway.logtemplates.mining import OTHER
from causeway.logtemplates.state import FILE_NAME
from collectors.intake import decode_for_log
from collectors.log_templates import LogTemplates
from tests.collectors.otlp.requests import NOW_NS, any_value, logs_request
from tests.servers.collector import RunningCollector, running_collector
from tests.servers.process import wait_for

LINES = [*(f"user u{i} logged in from 10.0.0.{i}" for i in range(9)), "disk full", "disk full", None, ""]


def _tables(lines: Sequence[str | None], first_ns: int = NOW_NS) -> dict[str, pa.Table]:
    empty = {name: pa.nulls(len(lines), records.LOGS.field(name).type) for name in records.LOGS.names}
    given_ = {"body": pa.array(lines, pa.string()), "time_ns": pa.array(range(first_ns, first_ns + len(lines)))}
    return {"logs": pa.table({**empty, **given_}).select(records.LOGS.names).cast(records.LOGS)}


def _ids(tables: dict[str, pa.Table]) -> list[int]:
    ids: list[int] = tables["logs"]["template_id"].to_pylist()
    return ids


def test_lines_of_one_statement_share_an_id_that_is_told(tmp_path: Path) -> None:
    """The catalogue has the text of every id that is stored; only lines without a body have none."""
    filled = LogTemplates(tmp_path).fill(_tables(LINES))
    ids, known = _ids(filled), catalogue_of(filled["log_templates"])
    assert len(set(ids[:9])) == 1 and ids[9] == ids[10] != ids[0]
    assert known.text(ids[0]) == "user <*> logged in from <*>" and known.text(ids[9]) == "disk full"
    assert ids[11] == NO_BODY and all(one in known or one == NO_BODY for one in ids)
    assert filled["logs"].schema.equals(records.LOGS)


def test_what_was_told_is_not_told_again(tmp_path: Path) -> None:
    """A batch without news has no table of templates; other tables pass through."""
    templates = LogTemplates(tmp_path)
    templates.fill(_tables(LINES))
    again = templates.fill({**_tables(LINES), "spans": records.SPANS.empty_table()})
    assert set(again) == {"logs", "spans"}


def test_what_is_read_from_the_log_tells_everything_again(tmp_path: Path) -> None:
    """A drain that fell behind let go of the batch in which a template was told: the log must tell it once more."""
    templates = LogTemplates(tmp_path)
    told = templates.fill(_tables(LINES))["log_templates"]
    request = logs_request(good=1).SerializeToString()
    again = decode_for_log("logs", [(request, "protobuf")], templates=templates)
    known = catalogue_of(again["log_templates"])
    assert set(told["entry_id"].to_pylist()) < set(again["log_templates"]["entry_id"].to_pylist())
    assert known.text(again["logs"]["template_id"][0].as_py()) == "hello"


def test_ids_stay_over_a_restart(tmp_path: Path) -> None:
    """Also of templates that were widened; and a new start tells everything once more, in rows that are the same."""
    before = LogTemplates(tmp_path)
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
    told = before.fill(_tables([f"state became {word} by order" for word in words]))["log_templates"]
    ids = _ids(before.fill(_tables([f"state became {words[-1]} by order"])))
    before.close()
    after = LogTemplates(tmp_path).fill(_tables(["state became iota by order"]))
    assert _ids(after) == ids
    assert set(after["log_templates"]["entry_id"].to_pylist()) >= set(told["entry_id"].to_pylist()[-1:])


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    """The collector starts all the same, and the ids are the same, as they are made of the words."""
    first = _ids(LogTemplates(tmp_path).fill(_tables(LINES)))
    (tmp_path / FILE_NAME).write_bytes(b"not an Arrow file")
    assert _ids(LogTemplates(tmp_path).fill(_tables(LINES))) == first
    assert (tmp_path / FILE_NAME).with_suffix(".damaged").read_bytes() == b"not an Arrow file"


def test_beyond_the_cap_lines_are_counted(tmp_path: Path) -> None:
    """They get the id that says so, and the collector's metrics tell how many."""
    registry = CollectorRegistry()
    templates = LogTemplates(tmp_path, registry=registry)
    templates._miner.mine.templates_max = 1
    ids = _ids(templates.fill(_tables(["first message", "second one", "second one"])))
    assert ids[1:] == [OTHER, OTHER]
    numbers = generate_latest(registry).decode()
    assert "causeway_log_template_overflow_lines_total 2.0" in numbers and "causeway_log_templates 1.0" in numbers


@given(
    lines=st.lists(st.one_of(st.none(), st.text(max_size=80), st.sampled_from(["\x1b[31mred\x1b[0m", "x" * 100_000]))),
    cuts=st.lists(st.integers(0, 40), max_size=4),
)
def test_anything_is_a_line_and_batches_agree(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str | None], cuts: list[int]
) -> None:
    """Junk never fails; cut anywhere, the lines mean the same templates as in one batch."""
    lines = [line if line is None else line.encode("utf-8", "replace").decode() for line in lines]
    whole = LogTemplates(tmp_path_factory.mktemp("whole")).fill(_tables(lines))
    parts, known = LogTemplates(tmp_path_factory.mktemp("parts")), []
    edges = sorted({0, len(lines), *(cut for cut in cuts if cut < len(lines))})
    ids: list[int] = []
    for start, stop in pairwise(edges):
        filled = parts.fill(_tables(lines[start:stop]))
        ids += _ids(filled)
        known += [filled["log_templates"]] if "log_templates" in filled else []
    if lines:
        today = catalogue_of(pa.concat_tables([records.LOG_TEMPLATES.empty_table(), *known]))
        assert [today.text(one) for one in ids] == [
            catalogue_of(whole.get("log_templates", records.LOG_TEMPLATES.empty_table())).text(one)
            for one in _ids(whole)
        ]


def test_threads_take_turns(tmp_path: Path) -> None:
    """The intake and drains that read the log again ask at once: the same line has the same id for all."""
    templates = LogTemplates(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: _ids(templates.fill(_tables(LINES))), range(16)))
    assert all(ids == found[0] for ids in found)


def test_a_collector_stores_ids_that_commands_and_a_restart_know(tmp_path: Path) -> None:
    """Posted over HTTP, read from the store, listed and explained; the same line after a restart has the same id."""
    data = tmp_path / "data"
    seen = []
    for run in range(2):
        with running_collector(data) as collector:
            _post(collector.url, [f"order o-{run}{i} took {i} ms" for i in range(20)], NOW_NS + run * 10**9)
            seen.append(_stored(collector, 20 * (run + 1)))
    assert len(set(seen[1])) == 1 and None not in seen[1]
    listed = json.loads(_causeway("templates", "list", "--format", "json", "--data", str(data)))
    assert [(row["template"], row["lines"], row["template_id"]) for row in listed["templates"]] == [
        ("order <*> took <*> ms", 40, str(seen[1][0]))
    ]
    explained = json.loads(
        _causeway("templates", "explain", "--format", "json", "--data", str(data), "--", str(seen[1][0]))
    )
    assert (explained["matched"], explained["truncated"]) == (40, False)
    assert [kind["kind"] for kind in explained["parameters"][1]][:1] == ["integer"]


def _post(url: str, lines: list[str], at_ns: int) -> None:
    request = logs_request(good=len(lines))
    for i, record in enumerate(request.resource_logs[0].scope_logs[0].log_records):
        record.body.CopyFrom(any_value(lines[i]))
        record.time_unix_nano = at_ns + i
    sent = urllib.request.Request(
        f"{url}/v1/logs", request.SerializeToString(), {"content-type": "application/x-protobuf"}
    )
    with urllib.request.urlopen(sent, timeout=30) as answer:
        assert answer.status == 200


def _stored(collector: RunningCollector, count: int) -> list[int | None]:
    def all_there() -> list[int | None] | None:
        ids: list[int | None] = collector.table("logs")["template_id"].to_pylist()
        return ids if len(ids) >= count else None

    return wait_for(all_there, what=f"{count} stored lines")


def _causeway(*words: str) -> str:
    window = ("--from", str(NOW_NS // 10**9 - 600), "--to", str(NOW_NS // 10**9 + 600))
    at = words.index("--") if "--" in words else len(words)
    command = [sys.executable, "-m", "causeway", *words[:at], *window, *words[at:]]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
