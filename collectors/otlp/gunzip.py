"""Decompression with a limit, so that a small request cannot become a large one."""

from __future__ import annotations

import zlib

from causeway.errors import BadRequest, TooLarge

_GZIP = zlib.MAX_WBITS | 16


def gunzip(data: bytes, *, limit: int) -> bytes:
    """The content of a gzip stream of one or more members.

    Raises TooLarge as soon as there is more than `limit`, having made no more than that, and BadRequest when the
    stream is damaged or cut short.
    """
    parts: list[bytes] = []
    room = limit
    while True:
        stream = zlib.decompressobj(_GZIP)
        try:
            part = stream.decompress(data, room + 1)
        except zlib.error as error:
            raise BadRequest(f"gzip: the body is damaged: {error}") from error
        if len(part) > room:
            raise TooLarge(f"the request has more than {limit} bytes after decompression")
        if not stream.eof:
            raise BadRequest("gzip: the body is cut short")
        parts.append(part)
        room -= len(part)
        data = stream.unused_data
        if not data:
            return b"".join(parts)
