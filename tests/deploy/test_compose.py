"""deploy/compose.yaml as far as it can be checked without pulling images."""

from __future__ import annotations

import shutil
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from causeway.cli import build
from causeway.config import parse
from collectors.serving import CollectConfig
from dashboards.config import ServeConfig, check_binding

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"].endswith("causeway}")}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `secrets.sh` makes, in a copy of the folder."""
    folder = tmp_path_factory.mktemp("deploy")
    shutil.copy(DEPLOY / "secrets.sh", folder)
    for _ in range(2):  # the second time keeps what is there
        subprocess.run([folder / "secrets.sh"], check=True, capture_output=True)
        first = (folder / "secrets" / "causeway.toml").read_text(encoding="utf-8")
    assert (folder / "secrets" / "causeway.toml").read_text(encoding="utf-8") == first
    return folder / "secrets"


def test_it_has_the_parts_it_promises() -> None:
    """Three collectors, two analyzers, dashboards, each with its own memory limit and restarted when it ends."""
    commands = sorted(service["command"][0] for service in OURS.values())
    assert commands == ["analyze", "analyze", "collect", "collect", "collect", "serve"]
    for name, service in COMPOSE["services"].items():
        assert service["restart"] == "unless-stopped", name
        assert service["mem_limit"], name


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_line_is_one_we_take(name: str) -> None:
    """The options exist and their values are of the right kind."""
    command: list[str] = OURS[name]["command"]
    group: Any = typer.main.get_command(build())
    found = group.commands[command[0]].make_context(command[0], list(command[1:]))
    assert found.params["config"] == Path("/run/secrets/causeway_config")


def test_only_loopback_is_published() -> None:
    """No port is open to the network by default, and none is published twice."""
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert len(published) == len({port.rsplit(":", 1)[0] for port in published})


def test_collectors_have_spools_of_their_own() -> None:
    """Two collectors on one folder would refuse to start."""
    volumes = [service["volumes"] for service in OURS.values() if service["command"][0] == "collect"]
    assert len({tuple(volume) for volume in volumes}) == 3


def test_everything_named_is_defined() -> None:
    """Volumes, secrets and services that others depend on."""
    for name, service in COMPOSE["services"].items():
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"], name
        for secret in service.get("secrets", []):
            assert secret in COMPOSE["secrets"], name
        for other in service.get("depends_on", {}):
            assert other in COMPOSE["services"], name


def test_the_secrets_fit_the_configuration(secrets: Path) -> None:
    """The generated file lets collectors and dashboards listen in their containers; strangers cannot read it."""
    found = tomllib.loads((secrets / "causeway.toml").read_text(encoding="utf-8"))
    assert len(parse(CollectConfig, {**found["collect"], "host": "0.0.0.0"}, where="collect").token) >= 32
    check_binding(parse(ServeConfig, {**found["serve"], "host": "0.0.0.0"}, where="serve"))
    assert (secrets / "postgres_password").read_text(encoding="utf-8") in found["state"]["url"]
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
