"""`causeway doctor` over real servers."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

from typer.testing import CliRunner

from causeway.cli import build
from causeway.state import open_state
from tests.servers.elasticsearch import cluster
from tests.servers.postgresql import postgresql
from tests.servers.victoriametrics import victoria_metrics


def test_everything_answers(tmp_path: Path) -> None:
    """Versions, agreeing clocks, what this server lacks, and whether an analyzer leads."""
    with (
        cluster() as elasticsearch,
        victoria_metrics(tmp_path / "victoria") as samples,
        postgresql() as database,
    ):
        store = elasticsearch.url.replace("http://", "elasticsearch://")
        url = database.url()
        places = ["--store", store, "--samples", samples.url, "--state", url]
        command = ["doctor", "--format", "json", "--data", str(tmp_path / "data"), *places]
        alone = CliRunner().invoke(build(), command)
        with closing(open_state(url)) as state, closing(state.leadership()) as leadership:
            assert leadership.leads()
            led = CliRunner().invoke(build(), command)
            assert leadership.leads()
    assert led.exception is None or isinstance(led.exception, SystemExit), led.exception
    assert (alone.exit_code, led.exit_code) == (1, 0), led.stdout
    lines = json.loads(led.stdout)["lines"]
    assert {line["health"] for line in lines} == {"ok", "note"}
    texts = [line["text"] for line in lines]
    assert any(text.startswith("Elasticsearch 8.19.21 at") for text in texts)
    assert any(text.startswith("VictoriaMetrics") for text in texts)
    assert texts.count("Its clock agrees with ours") == 2
    assert [line["text"] for line in json.loads(alone.stdout)["lines"] if line["health"] == "warning"] == [
        "No analyzer runs on this state: nobody watches, patrols or forwards. Start `causeway analyze`"
    ]
