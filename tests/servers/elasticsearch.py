"""A real Elasticsearch on loopback: one node or three, stopped and started again at will.

`.ci/servers` puts the published zip (the server with its core modules) into `.cache/servers`. Where
`CAUSEWAY_TEST_ELASTICSEARCH_URL` names a running server, `cluster` gives that one instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.servers import missing
from tests.servers.ports import free_port
from tests.servers.process import Child, running

VERSION = "8.19.21"
URL_VARIABLE = "CAUSEWAY_TEST_ELASTICSEARCH_URL"
HOME = Path(__file__).parents[2] / ".cache" / "servers" / f"elasticsearch-{VERSION}"
START_S = 120.0
# Elasticsearch refuses to run as root; this user is on every Debian and owns nothing.
_UNPRIVILEGED = "nobody"


@dataclass(frozen=True, slots=True)
class Login:
    """A superuser of a cluster that asks who is there, over TLS. certificate: what its nodes show, and its own CA."""

    user: str
    password: str
    certificate: Path

    def options(self) -> dict[str, Any]:
        """For httpx2."""
        return {"auth": (self.user, self.password), "verify": ssl.create_default_context(cafile=str(self.certificate))}


@dataclass(slots=True)
class Node:
    """One node: its address, its folder, and the process while it runs."""

    name: str
    port: int
    folder: Path
    child: Child | None = None
    login: Login | None = None
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def url(self) -> str:
        return f"{'http' if self.login is None else 'https'}://127.0.0.1:{self.port}"

    @property
    def options(self) -> dict[str, Any]:
        """What httpx2 needs besides the address."""
        return {} if self.login is None else self.login.options()

    def start(self, *, wait: bool = True) -> None:
        """Start it with the data it had; return when it answers (a node of several cannot alone: wait=False)."""
        arguments = [*_as_unprivileged(), _home(self.folder.parent) / "bin" / "elasticsearch"]
        environment = {"ES_PATH_CONF": str(self.folder / "config"), "ES_JAVA_HOME": str(_java()), "JAVA_HOME": ""}
        self.child = self._stack.enter_context(
            running(arguments, folder=self.folder, name="elasticsearch", environment=environment)
        )
        if wait:
            look = lambda: _answers(self)  # noqa: E731
            self.child.wait_for(look, what=f"Elasticsearch {self.name} to answer", timeout_s=START_S)

    def stop(self) -> None:
        """End it; its data stays."""
        self._stack.close()
        self.child = None

    def cpu_s(self) -> float:
        """CPU seconds of the process and its children so far."""
        import psutil

        assert self.child is not None
        process = psutil.Process(self.child.process.pid)
        return sum(sum(part.cpu_times()[:2]) for part in (process, *process.children(recursive=True)))


@dataclass(slots=True)
class Cluster:
    """Nodes that form one cluster; `nodes` is empty for a server that somebody else runs."""

    url: str
    nodes: tuple[Node, ...] = ()

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes] or [self.url]

    def get(self, path: str) -> Any:
        """The JSON answer of GET. Raises for an error status."""
        answer = httpx2.get(f"{self.url}{path}", timeout=30)
        answer.raise_for_status()
        return json.loads(answer.content)

    def clear(self) -> None:
        """Delete every index and template of ours and of the tests."""
        names = {row["index"] for row in self.get("/_cat/indices?format=json&expand_wildcards=all&h=index")}
        for name in names:
            httpx2.delete(f"{self.url}/{name}", timeout=60)
        for kind in ("_index_template", "_component_template"):
            for row in self.get(f"/{kind}").get(f"{kind.strip('_')}s", []):
                if row["name"].startswith(("causeway", "test-")):
                    httpx2.delete(f"{self.url}/{kind}/{row['name']}", timeout=30)


@contextlib.contextmanager
def secured(*, user: str, password: str, heap_mb: int = 512) -> Iterator[Node]:
    """A node of our own that speaks TLS and asks for a user and a password."""
    _require()
    root = Path(tempfile.mkdtemp(prefix="causeway-es-"))
    config = root / "n0" / "config"
    node = Node("n0", free_port(), root / "n0", login=Login(user, password, config / "node.pem"))
    ssl_lines = [
        f"xpack.security.http.ssl.{line}" for line in ("enabled: true", "key: node.key", "certificate: node.pem")
    ]
    try:
        lines = "\n".join([*ssl_lines, "xpack.security.transport.ssl.enabled: false"])
        _configure(node, free_port(), [], [node], heap_mb=heap_mb, settings=lines, security=True)
        subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        files = ["-keyout", str(config / "node.key"), "-out", str(config / "node.pem")]
        arguments = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject, *files]
        subprocess.run(arguments, check=True, capture_output=True)
        environment = {**os.environ, "ES_PATH_CONF": str(config), "ES_JAVA_HOME": str(_java())}
        users = [str(HOME / "bin" / "elasticsearch-users"), "useradd", user, "-p", password, "-r", "superuser"]
        subprocess.run(users, check=True, capture_output=True, env=environment)
        _give_away(root)
        node.start(wait=False)
        _wait_until_green(node, 1)
        yield node
    finally:
        node.stop()
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def cluster(*, nodes: int = 1, heap_mb: int = 1024, settings: str = "", port: int | None = None) -> Iterator[Cluster]:
    """A cluster of our own for as long as the block lasts, green when it is given.

    settings: lines of YAML added to every node's; port: of the first node, else a free one. The test is skipped,
    or fails, where the program is missing.
    """
    url = os.environ.get(URL_VARIABLE)
    if url and nodes == 1 and not settings:
        yield Cluster(url.rstrip("/"))
        return
    _require()
    root = Path(tempfile.mkdtemp(prefix="causeway-es-"))
    members = [Node(f"n{place}", free_port(), root / f"n{place}") for place in range(nodes)]
    members[0].port = port or members[0].port
    transports = [free_port() for _ in members]
    try:
        for node, transport in zip(members, transports, strict=True):
            _configure(node, transport, transports, members, heap_mb=heap_mb, settings=settings)
        _give_away(root)
        for node in members:
            node.start(wait=False)
        for node in members:
            _wait_until_green(node, nodes)
        yield Cluster(members[0].url, tuple(members))
    finally:
        for node in members:
            node.stop()
        shutil.rmtree(root, ignore_errors=True)


def _require() -> None:
    if not (HOME / "bin" / "elasticsearch").exists():
        missing(f"no Elasticsearch in {HOME}: run `make servers`")
    if _java() is None:
        missing("no Java 17 on this machine: run `make servers`")


def _home(root: Path) -> Path:
    """The program where its user can read it: a copy when the checkout is closed to others."""
    look = [*_as_unprivileged(), "test", "-x", str(HOME / "bin" / "elasticsearch")]
    if subprocess.run(look, check=False).returncode == 0:
        return HOME
    copy = root / "program"
    if not copy.exists():
        shutil.copytree(HOME, copy, symlinks=True)
        _give_away(copy)
    return copy


def _java() -> Path | None:
    found = sorted(Path("/usr/lib/jvm").glob("*17*/bin/java"))
    if found:
        return found[0].parent.parent
    java = shutil.which("java")
    return Path(java).resolve().parent.parent if java else None


def _configure(
    node: Node,
    transport: int,
    transports: list[int],
    members: list[Node],
    *,
    heap_mb: int,
    settings: str,
    security: bool = False,
) -> None:
    shutil.copytree(HOME / "config", node.folder / "config")
    lines = [
        "cluster.name: causeway-tests",
        f"node.name: {node.name}",
        f"path.data: {node.folder / 'data'}",
        f"path.logs: {node.folder / 'logs'}",
        "network.host: 127.0.0.1",
        f"http.port: {node.port}",
        f"transport.port: {transport}",
        f"xpack.security.enabled: {str(security).lower()}",
        "cluster.routing.allocation.disk.threshold_enabled: false",
    ]
    if len(members) == 1:
        lines.append("discovery.type: single-node")
    else:
        seeds = ", ".join(f'"127.0.0.1:{port}"' for port in transports)
        lines.append(f"discovery.seed_hosts: [{seeds}]")
        lines.append(f"cluster.initial_master_nodes: [{', '.join(member.name for member in members)}]")
    (node.folder / "config" / "elasticsearch.yml").write_text("\n".join([*lines, settings, ""]))
    options = f"-Xms{heap_mb}m\n-Xmx{heap_mb}m\n"
    (node.folder / "config" / "jvm.options.d").mkdir(exist_ok=True)
    (node.folder / "config" / "jvm.options.d" / "heap.options").write_text(options)


def _as_unprivileged() -> list[str]:
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam(_UNPRIVILEGED)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]


def _give_away(root: Path) -> None:
    if os.geteuid() == 0:
        user = pwd.getpwnam(_UNPRIVILEGED)
        subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(root)], check=True)


def _wait_until_green(node: Node, nodes: int) -> None:
    path = f"/_cluster/health?wait_for_nodes={nodes}&wait_for_status=green&timeout=5s"
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx2.TransportError):
            if httpx2.get(f"{node.url}{path}", timeout=10, **node.options).status_code == 200:
                return
        assert node.child is not None
        if node.child.process.poll() is not None:
            pytest.fail(f"Elasticsearch ended:\n{node.child.output()[-4000:]}", pytrace=False)
        time.sleep(0.2)
    pytest.fail(f"Elasticsearch not green after {START_S:g} s:\n{node.child and node.child.output()[-4000:]}")


def _answers(node: Node) -> bool:
    try:
        return httpx2.get(f"{node.url}/_cluster/health", timeout=2, **node.options).status_code == 200
    except httpx2.TransportError:
        return False


if __name__ == "__main__":  # for a developer: python -m tests.servers.elasticsearch [port]
    import sys

    with cluster(port=int(sys.argv[1]) if len(sys.argv) > 1 else 9200, heap_mb=2048) as shown:
        sys.stdout.write(f"{shown.url}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)
