"""The JavaScript client, installed once into a folder that git ignores."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent / "js"
CACHE = Path(__file__).resolve().parents[3] / ".cache" / "js-client"
INSTALL_S = 240


def _missing(reason: str) -> None:
    """Skip, or fail where every server and client must be there."""
    if os.environ.get("CAUSEWAY_REQUIRE_SERVERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def js_client() -> list[str]:
    """The command that runs `send.mjs` with the SDK of the lock file beside it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        _missing("node and npm are needed for the OpenTelemetry SDK for JavaScript (apt install nodejs npm)")
    lock = (HERE / "package-lock.json").read_bytes()
    installed = CACHE / "installed-lock.json"
    if not installed.exists() or installed.read_bytes() != lock:
        CACHE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, CACHE / name)
        try:
            subprocess.run(
                [str(npm), "ci", "--no-audit", "--no-fund"],
                cwd=CACHE,
                check=True,
                capture_output=True,
                timeout=INSTALL_S,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            _missing(f"npm ci failed: {error}: {getattr(error, 'stderr', b'')!r}")
        installed.write_bytes(lock)
    # Modules are looked for beside the script.
    shutil.copy(HERE / "send.mjs", CACHE / "send.mjs")
    return [str(node), str(CACHE / "send.mjs")]
