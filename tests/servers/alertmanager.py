"""A real Alertmanager on an ephemeral loopback port."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.servers import require
from tests.servers.process import Child, running

# Notifies at once and repeats every second, so that tests need not wait.
_CONFIG = """\
global:
  resolve_timeout: {resolve_timeout}
route:
  receiver: sink
  group_by: ["..."]
  group_wait: 0s
  group_interval: 1s
  repeat_interval: 1s
receivers:
  - name: sink
{webhook}
"""
_LISTENING = re.compile(r'"address":"(127\.0\.0\.1:\d+)".*"msg":"Listening on"')


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """A running Alertmanager: its address, and what it holds."""

    url: str
    child: Child

    def alerts(self, **labels: str) -> list[dict[str, Any]]:
        """Alerts it holds now (API v2), resolved ones left out, those with all the labels."""
        filters = [f'{name}="{value}"' for name, value in labels.items()]
        answer = httpx2.get(f"{self.url}/api/v2/alerts", params={"filter": filters}, timeout=10)
        answer.raise_for_status()
        found: list[dict[str, Any]] = json.loads(answer.content)
        return found


@contextmanager
def alertmanager(
    folder: Path, *, webhook_url: str | None = None, resolve_timeout: str = "5m"
) -> Iterator[Alertmanager]:
    """Alertmanager for as long as the block lasts; notifications go to `webhook_url`, if given.

    The test is skipped, or fails, where the program is missing (`tests.servers.require`).
    """
    program = require("alertmanager")
    folder.mkdir(parents=True, exist_ok=True)
    webhook = f'    webhook_configs: [{{url: "{webhook_url}", send_resolved: true}}]' if webhook_url else ""
    config = folder / "alertmanager.yml"
    config.write_text(_CONFIG.format(resolve_timeout=resolve_timeout, webhook=webhook), encoding="utf-8")
    arguments = [
        program,
        f"--config.file={config}",
        f"--storage.path={folder / 'storage'}",
        "--web.listen-address=127.0.0.1:0",
        "--web.external-url=http://127.0.0.1/",
        "--cluster.listen-address=",
        "--log.format=json",
    ]
    with running(arguments, folder=folder, name="alertmanager") as child:
        address = child.wait_for(lambda: _LISTENING.search(child.output()), what="Alertmanager to listen")
        url = f"http://{address.group(1)}"
        child.wait_for(lambda: _ready(url), what="Alertmanager to be ready")
        yield Alertmanager(url, child)


def _ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/-/ready", timeout=2).status_code == 200
    except httpx2.TransportError:
        return False
