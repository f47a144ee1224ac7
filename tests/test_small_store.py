import numpy as np
import pytest

from causeway import records
from tests.small_store import STEPS, Shop, shop_batch


@pytest.mark.parametrize("shop", [Shop(minutes=3, fault_minute=2), Shop(minutes=4, fault_minute=2, slow="cart")])
def test_the_shop_is_consistent(shop: Shop) -> None:
    """Every child starts within its parent, and ends within it unless it is asynchronous; ids are unique."""
    spans = shop_batch(shop).tables["spans"].to_pandas()
    assert len(spans) == shop.minutes * shop.traces_per_minute * len(STEPS)
    assert spans["span_id"].is_unique and set(spans["trace_id"].map(len)) == {16}
    children = spans.merge(spans, left_on="parent_span_id", right_on="span_id", suffixes=("", "_of"))
    assert len(children) == len(spans) - spans["parent_span_id"].isna().sum()
    assert (children["trace_id"] == children["trace_id_of"]).all()
    assert (children["start_ns"] >= children["start_ns_of"]).all()
    calls = children[children["kind"] != "CONSUMER"]
    ends = calls["start_ns"] + calls["duration_ns"]
    assert (ends <= calls["start_ns_of"] + calls["duration_ns_of"]).all()


def test_every_table_has_its_schema() -> None:
    """The tables are those of `causeway.records`, so that a store takes them as they are."""
    for name, table in shop_batch(Shop(minutes=1)).tables.items():
        assert table.schema.equals(records.TABLES[name][0])
        assert table.num_rows > 0


def test_a_fault_shows_only_in_its_window() -> None:
    """A slow or failing service is as before until the fault, and clearly not so after."""
    shop = Shop(minutes=4, fault_minute=2, slow="payment", failing="cart")
    spans = shop_batch(shop).tables["spans"].to_pandas()
    during = spans["start_ns"] >= shop.fault_window.start_ns
    payment = (spans["service"] == "payment") & (spans["kind"] == "SERVER")
    medians = [np.median(spans.loc[payment & part, "duration_ns"]) for part in (~during, during)]
    assert medians[1] - medians[0] > 250e6
    cart_errors = spans[(spans["service"] == "cart") & (spans["status"] == "ERROR")]
    assert len(cart_errors) > 20
    assert (cart_errors["start_ns"] >= shop.fault_window.start_ns).all()


def test_the_same_seed_gives_the_same_shop() -> None:
    """Nothing but the arguments decides what is made."""
    shop = Shop(minutes=1)
    assert shop_batch(shop).tables["spans"].equals(shop_batch(shop).tables["spans"])
    assert not shop_batch(shop).tables["spans"].equals(shop_batch(Shop(minutes=1, seed=8)).tables["spans"])
