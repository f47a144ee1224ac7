"""Who a span talks to and how, by its attributes in old and new semantic conventions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# One tuple of names for each thing; of several that are sent the last one wins. Only text that is not empty counts.
PEER_KEYS: tuple[tuple[str, ...], ...] = (
    ("peer.service", "service.peer.name"),
    ("db.system", "db.system.name"),
    ("messaging.system",),
    ("messaging.destination", "messaging.destination.name"),
    ("rpc.service",),
    ("rpc.system", "rpc.system.name"),
    ("server.address",),
    ("net.peer.name", "net.sock.peer.name"),
    ("http.host",),
    ("http.url", "url.full"),
    ("net.peer.ip", "net.sock.peer.addr", "network.peer.address"),
)
_SERVICE, _DATABASE, _MESSAGING, _DESTINATION, _RPC_SERVICE, _RPC = range(6)
_ADDRESSES = ((6, False), (7, False), (8, True), (9, True), (10, False))  # slot, whether it is a URL or host:port
# Any attribute that begins so means HTTP, where nothing else names a protocol.
HTTP_PREFIXES = ("http.", "url.")
PEER_TYPES = ("database", "queue", "external")
CALLING_KINDS = ("CLIENT", "PRODUCER", "CONSUMER")


def peer_columns(kinds: pa.Array, attributes: pa.MapArray) -> dict[str, pa.Array]:
    """peer_service, peer_address, peer_type and protocol of each span, null where it does not say.

    kinds: words of `records.SPAN_KINDS`; attributes: map<string, string>, one per span. Only CLIENT, PRODUCER and
    CONSUMER spans have a peer; any span may have a protocol.
    """
    found, speaks_http = _find(attributes)
    calling = pc.is_in(kinds, value_set=pa.array(CALLING_KINDS))
    protocol = pc.coalesce(found[_DATABASE], found[_MESSAGING], found[_RPC], _only(speaks_http, "http"))
    address = pc.coalesce(*(_hosts(found[slot]) if is_url else found[slot] for slot, is_url in _ADDRESSES))
    is_database, is_queue = found[_DATABASE].is_valid(), found[_MESSAGING].is_valid()
    peer = pc.case_when(
        pc.make_struct(is_database, is_queue),
        pc.coalesce(address, found[_DATABASE]),
        pc.coalesce(found[_DESTINATION], found[_MESSAGING]),
        pc.coalesce(found[_RPC_SERVICE], address),
    )
    peer = _where(calling, pc.coalesce(found[_SERVICE], peer))
    kind = pc.case_when(pc.make_struct(is_database, is_queue), *PEER_TYPES)
    return {
        "peer_service": peer,
        "peer_address": _where(calling, address),
        "peer_type": _where(peer.is_valid(), kind),
        "protocol": protocol,
    }


def host_of(address: str) -> str:
    """The host in a URL or in host:port; "" when there is none."""
    rest = address.split("://", 1)[1] if "://" in address else address
    for end in "/?#":
        rest = rest.split(end, 1)[0]
    rest = rest.rsplit("@", 1)[-1]
    if rest.startswith("["):
        return rest[1:].split("]", 1)[0]
    return rest.split(":", 1)[0]


def _find(attributes: pa.MapArray) -> tuple[list[pa.Array], np.ndarray]:
    """The text of each of PEER_KEYS by span, and (n,) bool whether it has any http.* or url.* attribute."""
    count = len(attributes)
    offsets = attributes.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    items = attributes.items.slice(offsets[0], offsets[-1] - offsets[0])
    keys = attributes.keys.slice(offsets[0], offsets[-1] - offsets[0]).dictionary_encode()
    parent = np.repeat(np.arange(count), np.diff(offsets))
    slots = {name: slot for slot, names in enumerate(PEER_KEYS) for name in names}
    names = keys.dictionary.to_pylist()
    slot_of = np.array([slots.get(name, -1) for name in names] or [-1], np.int64)
    http_of = np.array([name.startswith(HTTP_PREFIXES) for name in names] or [False])
    codes = keys.indices.to_numpy(zero_copy_only=False)
    speaks_http = np.zeros(count, np.bool_)
    speaks_http[parent[http_of[codes]]] = True
    some = pc.fill_null(pc.not_equal(items, ""), False).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero((slot_of[codes] >= 0) & some)
    places = np.full((len(PEER_KEYS), count), -1, np.int64)
    places[slot_of[codes[rows]], parent[rows]] = rows
    return [items.take(pa.array(row, mask=row < 0)) for row in places], speaks_http


def _hosts(addresses: pa.Array) -> pa.Array:
    """The hosts of URLs, each distinct one cut once; null where there is none."""
    encoded = addresses.dictionary_encode()
    hosts = pa.array([host_of(text) or None for text in encoded.dictionary.to_pylist()], pa.string())
    return hosts.take(encoded.indices)


def _only(chosen: np.ndarray, word: str) -> pa.Array:
    return pc.if_else(pa.array(chosen), word, pa.scalar(None, pa.string()))


def _where(chosen: pa.Array, values: pa.Array) -> pa.Array:
    return pc.if_else(chosen, values, pa.scalar(None, pa.string()))
