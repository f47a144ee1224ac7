"""TCP ports for servers that tests start.

A server may take half a minute until it listens. So ports come from below those that the kernel gives to whoever asks
for any, no port is given twice, and test processes beside each other have parts of their own.
"""

from __future__ import annotations

import itertools
import os
import socket

_FIRST, _PART, _PARTS = 15_000, 2_000, 8
_START = _FIRST + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") or 0) % _PARTS * _PART
# Test runs after or beside one another begin at different places.
_COUNT = itertools.count(os.getpid() * 37 % _PART)


def free_port() -> int:
    """A loopback port that nobody uses and nobody is given by chance."""
    for number in itertools.islice(_COUNT, _PART):
        port = _START + number % _PART
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port from {_START} to {_START + _PART}")
