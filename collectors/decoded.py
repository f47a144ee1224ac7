"""What a decoder hands to the intake: columns by table, and one outcome per request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from causeway.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an understood request ended: how many of its records were refused, and why in words.

    `message` may be set although nothing was rejected: then it is a warning to the sender.
    """

    rejected: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The records of some requests.

    tables: by name, with the schemas of `causeway.records.TABLES`, except that repeated text may be
    dictionary<int32, string>. outcomes: one per request, in order; a BadRequest stands for a request of which
    nothing could be read, and which therefore has no rows.
    """

    tables: Mapping[str, pa.Table]
    outcomes: tuple[Outcome | BadRequest, ...]
