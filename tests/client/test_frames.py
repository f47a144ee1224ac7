import pandas as pd
import pyarrow as pa
import pytest

from causeway.client.frames import frame, rows
from causeway.window import MINUTE_NS
from tests.small_store import START_NS, Shop, shop_batch

BATCH = shop_batch(Shop(minutes=1))


def test_spans_read_as_people_read_them() -> None:
    """Times are UTC instants, durations ms, ids hex text, a root has no parent, attributes are dicts."""
    spans = frame(BATCH.tables["spans"])
    assert str(spans["start"].dtype) == "datetime64[ns, UTC]"
    assert spans["start"].min() >= pd.Timestamp(START_NS, tz="UTC")
    assert spans["start"].max() < pd.Timestamp(START_NS + MINUTE_NS, tz="UTC")
    assert set(spans["trace_id"].str.len()) == {32} and set(spans["span_id"].str.len()) == {16}
    roots = spans[spans["parent_span_id"].isna()]
    assert set(roots["operation"]) == {"GET /checkout"} and len(roots) == 60
    assert spans["parent_span_id"].dropna().isin(spans["span_id"]).all()
    assert spans.loc[0, "attributes"]["shop.step"].isdigit()
    raw = BATCH.tables["spans"]
    assert spans["duration_ms"].tolist() == [ns / 1e6 for ns in raw["duration_ns"].to_pylist()]
    assert spans["trace_id"].tolist() == [found.hex() for found in raw["trace_id"].to_pylist()]


@pytest.mark.parametrize("name", ["spans", "logs", "samples", "series", "events", "resources"])
def test_empty_tables_keep_their_columns(name: str) -> None:
    """No rows is an empty frame with the same columns, never an error."""
    full, empty = frame(BATCH.tables[name]), frame(BATCH.tables[name].slice(0, 0))
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    instants = [column for column in full.columns if str(full[column].dtype) == "datetime64[ns, UTC]"]
    assert instants and all(str(empty[column].dtype) == "datetime64[ns, UTC]" for column in instants)


def test_ids_of_any_width_are_kept_whole() -> None:
    """Ids that a sender cut short, or that end in zero bytes, read as they are."""
    found = frame(pa.table({"trace_id": pa.array([b"ab", None, b"a\0\0"])}))
    assert found["trace_id"].tolist()[::2] == ["6162", "610000"]
    assert found["trace_id"].isna().tolist() == [False, True, False]


def test_nested_numbers_become_columns() -> None:
    """`fan_in.direct` becomes `fan_in_direct`; the named columns come first; message ids go."""
    found = rows([{"fan_in": {"direct": 2}, "service": "cart", "reason_message": {"id": "a.b"}}], first=("service",))
    assert found.to_dict("records") == [{"service": "cart", "fan_in_direct": 2}]
    assert list(found.columns) == ["service", "fan_in_direct"]


def test_no_rows_still_have_the_named_columns() -> None:
    """An empty answer can be filtered and sorted like a full one."""
    assert list(rows([], first=("service", "impact")).columns) == ["service", "impact"]
