"""Series as label sets, and back."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from causeway.stores.prometheus.labelling import (
    Labelled,
    hexadecimal,
    labelled,
    number_of,
    read_attributes,
    shape_of,
)

_KEYS = st.one_of(
    st.sampled_from(["a.b", "a_b", "a-b", "le", "job", "instance", "exported_job", "run", "区"]), st.text(max_size=5)
)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


def _row(attributes: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "series_id": -5,
        "name": "http.server.duration",
        "unit": "ms",
        "type": "histogram",
        "temporality": "CUMULATIVE",
        "monotonic": False,
        "service": "cart",
        "instance": "cart-1",
        "resource_id": 1 << 60,
        "description": "How long",
        "attributes": list(attributes.items()),
        **more,
    }


def _label(attributes: dict[str, str], labels_max: int = 30, **more: Any) -> Labelled:
    return labelled(_row(attributes, **more), None, extra={"run": "1"}, labels_max=labels_max)


@given(st.dictionaries(_KEYS, _TEXTS, max_size=30), st.integers(12, 40))
def test_attributes_come_back_exactly(attributes: dict[str, str], labels_max: int) -> None:
    """Empty ones, names that collide or are taken, and more than labels may be: nothing is lost or renamed."""
    made = _label(attributes, labels_max)
    named = made.named("_bucket", le="+Inf")
    assert len(named) <= labels_max
    assert all(named.values())
    assert dict(read_attributes(named, made.shape, ["run"])) == attributes
    assert shape_of(made.shape.definition()) == made.shape


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_ids_come_back(number: int) -> None:
    """Signed 64-bit ids as sixteen digits."""
    assert number_of(hexadecimal(number)) == number and len(hexadecimal(number)) == 16


def test_labels_follow_the_published_rules() -> None:
    """`job` is namespace and name, `instance` the instance; attributes by label; ours beside them."""
    row = _row({"http.route": "/cart"})
    made = labelled(row, {"service.namespace": "shop"}, extra={}, labels_max=30)
    labels = made.named("_sum")
    assert labels.pop("causeway_series").startswith("fffffffffffffffb.")
    assert labels == {
        "__name__": "http_server_duration_milliseconds_sum",
        "job": "shop/cart",
        "instance": "cart-1",
        "service_name": "cart",
        "http_route": "/cart",
        "causeway_resource": "1000000000000000",
    }


def test_names_that_collide_are_joined_for_others() -> None:
    """In the order of the keys, with `;` between, as published; and kept apart for us."""
    labels = _label({"a_b": "2", "a.b": "1"}).named()
    assert labels["a_b"] == "1;2"
    assert labels["causeway_attributes"] == '{"a.b":"1","a_b":"2"}'


def test_series_that_the_rules_make_equal_stay_apart() -> None:
    """Two series that differ only in what labels cannot tell have different label sets."""
    one, other = _label({"a.b": "1"}), _label({"a_b": "1"}, series_id=-6)
    assert {**one.named(), "causeway_series": ""} == {**other.named(), "causeway_series": ""}
    assert one.named() != other.named()
