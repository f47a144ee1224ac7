"""SkyWalking's trace segments `*segment-YYYYMMDD`: one packed document per segment, filed by its first span's start.

Trace ids are text there and become hashes here, which cannot be turned back: a trace is found by its id at once when
a segment of it was read before, and otherwise by looking through the window.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import pyarrow as pa

from causeway.stores.contract import SpanFilter
from causeway.stores.elasticsearch.foreign.gathering import TRACE_ID_BYTES, identifier
from causeway.stores.elasticsearch.foreign.skywalking import SkywalkingDecoder
from causeway.stores.elasticsearch.layouts.layout import Clause, Conditions, Hit, Layout

TRACES_REMEMBERED_MAX = 200_000
MILLISECOND_NS = 1_000_000


class SkywalkingLayout(Layout):
    """See the module. A segment that lasts longer than `late_ns` shows its later spans in no window."""

    name = "skywalking"
    time_field = "start_time"
    time_unit_ns = MILLISECOND_NS
    late_ns = 600_000 * MILLISECOND_NS

    def __init__(self) -> None:
        self._decoder = SkywalkingDecoder()
        self._names: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    def index(self, namespace: str) -> str:  # noqa: ARG002 SkyWalking's prefix is named by `indices`
        return "*segment-2*"

    def source(self, columns: Sequence[str]) -> list[str]:  # noqa: ARG002 all columns are in the packed segment
        return ["trace_id", "data_binary"]

    def decode(self, hits: Sequence[Hit], columns: Sequence[str]) -> pa.Table:
        documents = [hit["_source"] for hit in hits]
        self._remember([str(document.get("trace_id") or "") for document in documents])
        return self._decoder.decode(documents, columns)

    def conditions(self, where: SpanFilter) -> Conditions:
        return Conditions((), exact=where == SpanFilter())

    def of_traces(self, trace_ids: Sequence[bytes]) -> Clause:
        with self._lock:
            known = [self._names.get(one) for one in trace_ids]
        names = [name for name in known if name is not None]
        return {"terms": {"trace_id": names}} if len(names) == len(trace_ids) else {"match_all": {}}

    def _remember(self, names: Sequence[str]) -> None:
        found = {identifier(name, TRACE_ID_BYTES): name for name in names}
        with self._lock:
            self._names.update({key: name for key, name in found.items() if key})
            while len(self._names) > TRACES_REMEMBERED_MAX:
                self._names.popitem(last=False)


def layout() -> Layout:
    return SkywalkingLayout()
