import math

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causeway.errors import BadRequest
from causeway.findings import (
    Chart,
    Diagnosis,
    DiagnosisVerdict,
    Evidence,
    Finding,
    Hypothesis,
    Incident,
    Message,
    PatrolReport,
    Symptom,
    Verdict,
)
from causeway.window import Window
from causeway.wire import from_json, to_json

WINDOW = Window(1_700_000_000_000_000_000, 1_700_000_600_000_000_000)
CHART = Chart(Message("patrol.unknown_id"), "ms", (1, 2), (3.5, None), low=1.0)
EVIDENCE = Evidence("errors", "cart", Message("patrol.x", {"share": 0.5, "n": 3}), p=0.01, chart=CHART)
DIAGNOSIS = Diagnosis(
    window=WINDOW,
    baseline=WINDOW.before(3_600_000_000_000),
    verdict=DiagnosisVerdict.CAUSE_FOUND,
    onset_ns=WINDOW.start_ns + 60_000_000_000,
    hypotheses=(
        Hypothesis(1, "cart", "service", "errors", 0.9, Message("patrol.x"), (EVIDENCE,), (), ("cart", "web")),
    ),
    symptoms=(Symptom("web", "errors", 0.1, 0.01, "ratio", 1e-6),),
    examined={"services": 3},
)
INCIDENT = Incident(1, "web", Verdict.CRITICAL, Message("patrol.x", {"a": None}), 1, 2, None, 87.0, DIAGNOSIS)


@pytest.mark.parametrize("record", [CHART, EVIDENCE, DIAGNOSIS, INCIDENT], ids=lambda record: type(record).__name__)
def test_what_was_written_reads_back_the_same(record):
    """to_json, through JSON text, and from_json lose nothing."""
    text = orjson.dumps(to_json(record, "zh-CN"))
    assert from_json(type(record), orjson.loads(text)) == record


def test_diagnosis_has_the_promised_keys():
    """A diagnosis has the published keys: window, onset as time, verdict, hypotheses with their parts."""
    shape = to_json(DIAGNOSIS)
    assert {"window", "onset", "verdict", "hypotheses"} <= set(shape)
    assert shape["onset"] == "2023-11-14T22:14:20Z"
    assert shape["verdict"] == "cause_found"
    assert {"rank", "entity", "family", "confidence", "evidence_for", "evidence_against", "path"} <= set(
        shape["hypotheses"][0]
    )


def test_message_field_becomes_text_and_message():
    """A reason is the sentence, and beside it id and values from which any language can be made."""
    shape = to_json(Finding("latency", "cart", Verdict.OK, Message("patrol.nowhere", {"n": 1})))
    assert shape["reason"] == "patrol.nowhere"
    assert shape["reason_message"] == {"id": "patrol.nowhere", "values": {"n": 1}}
    assert shape["remedy"] is None


def test_numpy_numbers_are_numbers_and_missing_ones_null():
    """Numpy numbers become plain JSON; NaN and infinities are null; a needed float reads back as NaN."""
    symptom = Symptom("web", "errors", np.float32(0.5), math.nan, "ratio", math.inf)
    shape = to_json(symptom)
    assert shape["value"] == 0.5 and shape["usual"] is None and shape["p"] is None
    assert math.isnan(from_json(Symptom, shape).usual)
    assert to_json({"n": np.int64(3)}) == {"n": 3}


@pytest.mark.parametrize(
    ("damage", "place"),
    [
        ({"verdict": "SPLENDID"}, "PatrolReport.verdict"),
        ({"window": {"from": "now"}}, "PatrolReport.window"),
        ({"findings": {}}, "PatrolReport.findings"),
        ({"generated_ns": "yesterday"}, "PatrolReport.generated_ns"),
        ({"generated_ns": True}, "PatrolReport.generated_ns"),
    ],
)
def test_wrong_shape_names_its_place(damage, place):
    """What cannot be read says where."""
    whole = to_json(PatrolReport(WINDOW, None, Verdict.OK, (), 5))
    with pytest.raises(BadRequest, match=place):
        from_json(PatrolReport, {**whole, **damage})


def test_missing_key_is_named_and_unknown_keys_are_ignored():
    """A newer writer may add keys; a missing one is an error."""
    whole = to_json(PatrolReport(WINDOW, 99.5, Verdict.OK, (), 5))
    assert from_json(PatrolReport, {**whole, "extra": 1}).score == 99.5
    del whole["generated_ns"]
    with pytest.raises(BadRequest, match=r"PatrolReport\.generated_ns is missing"):
        from_json(PatrolReport, whole)


@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), max_size=5),
    st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.integers(-(2**53), 2**53), st.text(max_size=5))),
)
def test_any_finite_content_survives(values, placeholders):
    """Charts and messages of any content survive the round trip."""
    chart = Chart(Message("a.b", placeholders), "", tuple(range(len(values))), tuple(values))
    assert from_json(Chart, orjson.loads(orjson.dumps(to_json(chart)))) == chart
