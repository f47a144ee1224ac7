"""Who a span talks to and how, from its attributes in old and new semantic conventions."""

# Compiled functions have their types from their arguments.
# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from causeway.conventions.peers import PEER_KEYS, PEER_TYPES
from causeway.memory import load64
from collectors.otlp.gather import dictionary, words_by_code
from collectors.otlp.keys import KeySet

_KEYS = KeySet(PEER_KEYS)
# The text that stands behind the requests in the buffer, for spans with http.* or url.* attributes.
CONSTANTS = b"http" + bytes(4)

# Columns of the result of `_peers`.
_SERVICE, _ADDRESS, _PROTOCOL, _TYPE = 0, 2, 4, 6


def peer_columns(
    buffer: np.ndarray, kinds: np.ndarray, attributes: np.ndarray, constants_at: int
) -> dict[str, pa.Array]:
    """peer_service, peer_address, peer_type and protocol of each span.

    kinds: (n_spans,) OTLP span kinds. attributes: KeyValue rows of the spans. constants_at: where CONSTANTS lie.
    Only CLIENT, PRODUCER and CONSUMER spans have a peer; any span may have a protocol.
    """
    found = _KEYS.find(buffer, attributes, len(kinds))
    is_http = _speaks_http(buffer, attributes, len(kinds))
    peers = _peers(buffer, np.ascontiguousarray(kinds), attributes, found, is_http, constants_at)
    return {
        "peer_service": dictionary(buffer, peers, _SERVICE, valid=peers[:, _SERVICE + 1] > 0),
        "peer_address": dictionary(buffer, peers, _ADDRESS, valid=peers[:, _ADDRESS + 1] > 0),
        "peer_type": words_by_code(peers[:, _TYPE], PEER_TYPES),
        "protocol": dictionary(buffer, peers, _PROTOCOL, valid=peers[:, _PROTOCOL + 1] > 0),
    }


@njit(nogil=True, cache=True)
def _speaks_http(buffer, rows, parents):
    """Whether a span has any attribute http.* or url.*."""
    found = np.zeros(parents, dtype=np.bool_)
    for i in range(rows.shape[0]):
        if rows[i, 2] > 4:
            word = load64(buffer, rows[i, 1])
            # "http." and "url." as little-endian numbers.
            if (word & 0xFFFFFFFFFF) == 0x2E70747468 or (word & 0xFFFFFFFF) == 0x2E6C7275:
                found[rows[i, 0]] = True
    return found


@njit(nogil=True, cache=True)
def _host(buffer, start, length):
    """(start, length) of the host in a URL or in host:port; a length of 0 when there is none."""
    end = start + length
    for k in range(start, end - 2):
        if buffer[k] == 58 and buffer[k + 1] == 47 and buffer[k + 2] == 47:  # ://
            start = k + 3
            break
    stop = start
    while stop < end and buffer[stop] != 47 and buffer[stop] != 63 and buffer[stop] != 35:  # / ? #
        if buffer[stop] == 64:  # user:password@
            start = stop + 1
        stop += 1
    if start < stop and buffer[start] == 91:  # [IPv6]
        start += 1
        k = start
        while k < stop and buffer[k] != 93:
            k += 1
        return start, k - start
    k = start
    while k < stop and buffer[k] != 58:
        k += 1
    return start, k - start


@njit(nogil=True, cache=True)
def _value(rows, row):
    """(start, length) of the text of a KeyValue row; length 0 for row -1."""
    if row < 0:
        return np.int64(0), np.int64(0)
    return rows[row, 3], rows[row, 4]


@njit(nogil=True, cache=True)
def _server(buffer, rows, found):
    """(start, length) of the host a span talks to: server.address, net.peer.name, http.host, URL, then address."""
    for slot in range(6, 11):
        if found[slot] >= 0:
            start, length = _value(rows, found[slot])
            if slot == 8 or slot == 9:
                start, length = _host(buffer, start, length)
            if length > 0:
                return start, length
    return np.int64(0), np.int64(0)


@njit(nogil=True, cache=True)
def _protocol(rows, found, is_http, constants_at):
    for slot in (1, 2, 5):
        if found[slot] >= 0:
            return _value(rows, found[slot])
    return np.int64(constants_at), np.int64(4 if is_http else 0)


@njit(nogil=True, cache=True)
def _peer(rows, found, server, server_length):
    """(start, length, type) of the peer of a span that calls out; type -1 when it does not say."""
    start, length, kind = server, server_length, 2
    if found[1] >= 0:
        kind = 0
        if length == 0:
            start, length = _value(rows, found[1])
    elif found[2] >= 0:
        kind = 1
        start, length = _value(rows, found[3] if found[3] >= 0 else found[2])
    elif found[4] >= 0:
        start, length = _value(rows, found[4])
    if found[0] >= 0:
        start, length = _value(rows, found[0])
    return start, length, kind if length > 0 else -1


@njit(nogil=True, cache=True)
def _peers(buffer, kinds, rows, found, is_http, constants_at):
    peers = np.zeros((kinds.shape[0], 7), dtype=np.int64)
    for i in range(kinds.shape[0]):
        peers[i, 4], peers[i, 5] = _protocol(rows, found[i], is_http[i], constants_at)
        peers[i, 6] = -1
        if kinds[i] >= 3 and kinds[i] <= 5:
            start, length = _server(buffer, rows, found[i])
            peers[i, 2], peers[i, 3] = start, length
            peers[i, 0], peers[i, 1], peers[i, 6] = _peer(rows, found[i], start, length)
    return peers
