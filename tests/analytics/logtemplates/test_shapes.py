"""Log templates by shape: what varies is masked, what tells messages apart is kept."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from analytics.logtemplates.shapes import NO_BODY, template_ids


def _shape(line: str) -> str:
    ids, texts = template_ids(pa.array([line]))
    return texts[int(ids[0])]


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("connected to 10.0.0.17:5432 in 12ms", "connected to <*> in <*>"),
        ("user 0b23bd3e-876a-4af3-b920-c50a90c90b04 logged in", "user <*> logged in"),
        ("GET /api/v1/orders/17 200", "GET <*>"),
        ("2023-01-29T08:42:22.383Z started", "<*> started"),
        ("16:42:22.382 INFO t.s.TravelServiceImpl#532 done", "<*> INFO t.s.TravelServiceImpl#<*> done"),
        ("t.c.Travel2Controller#64 ok", "t.c.Travel<*>Controller#<*> ok"),
        ("worker7 took job blk_-1608999687919862906", "worker<*> took job blk_<*>"),
        ('"foodName":"Soup","price":3', '"foodName":<*>,"price":<*>'),
        ("seat(type=2, from=shanghai, to=null)", "seat(type=<*>, from=<*>, to=null)"),
        ("user=bob action=delete ok", "user=<*> action=<*> ok"),
        ("stations=[nanjing, suzhou, shanghai]", "stations=[<*>]"),
        ("stations: [nanjing, suzhou]", "stations: [<*>]"),
        ("answer: []", "answer: []"),
        ("[getTickets][Calculate distance]", "[getTickets][Calculate distance]"),
        ("at Sat May 04 07:16:00 CST 2013 exactly", "at <*> CST <*> exactly"),
        ("it is May already", "it is May already"),
        ("\x1b[31mERROR\x1b[0m disk full", "ERROR disk full"),
        ("boom\n\tat a.b.C(C.java:12)\n\tat d.e.F", "boom"),
        ("耗时 123 毫秒", "耗时 <*> 毫秒"),
        ("编号：f3d4d4ef-693b-4456-8eed-59c0d717dd08", "编号：<*>"),
        ("retry 1, 2, 3", "retry <*>"),
        ("can't open the file", "can't open the file"),
        ("plain words only", "plain words only"),
        ("", ""),
    ],
)
def test_masks_what_varies(line: str, shape: str) -> None:
    """Numbers, ids, addresses, paths, quoted strings, values and lists are masked; words and names are kept."""
    assert _shape(line) == shape


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("answer data=null", "answer data={a, b}"),
        ("answer: []", "answer: [1, 2]"),
        ("verify result: true", "verify result: false"),
        ("Find contacts of 5", "No contacts of 5"),
    ],
)
def test_keeps_different_messages_apart(one: str, other: str) -> None:
    """Nothing, yes, no and empty are messages of their own."""
    assert _shape(one) != _shape(other)


@pytest.mark.parametrize("key", ["log", "message", "msg"])
def test_unwraps_container_json(key: str) -> None:
    """The message inside a JSON object is the line, even inside two of them, with its escapes undone."""
    inner = 'user "bob" failed <5> times'
    once = json.dumps({"stream": "stdout", key: inner + "\n"}).replace("<", "\\u003c")
    twice = json.dumps({"log": json.dumps({"level": "warn", key: inner})})
    assert _shape(once) == _shape(twice) == _shape(inner)


def test_takes_json_without_a_message_as_text() -> None:
    """A JSON object that has no message keeps its keys and loses its values."""
    assert _shape('{"orderId":"f642a688","paid":true}') == '{"orderId":<*>,"paid":true}'


def test_ids_are_the_same_in_every_run() -> None:
    """An id is a hash of the shape alone: stored counts stay comparable for ever."""
    ids, texts = template_ids(pa.array(["connected in 5 ms", "connected in 77 ms"]))
    assert ids[0] == ids[1] == -8_353_652_679_273_819_043
    assert texts == {int(ids[0]): "connected in <*> ms"}


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_takes_any_arrow_text(kind: pa.DataType) -> None:
    """Chunks, slices and nulls do not matter; a null has the id 0 and no text."""
    lines = pa.chunked_array([["skipped", "a 1"], [None, "b 2", "a 3"]]).cast(kind).slice(1)
    ids, texts = template_ids(lines)
    assert ids[0] == ids[3] != ids[2]
    assert ids[1] == NO_BODY and NO_BODY not in texts
    assert sorted(texts.values()) == ["a <*>", "b <*>"]


def test_takes_no_lines() -> None:
    """No lines are no templates."""
    ids, texts = template_ids(pa.array([], pa.string()))
    assert len(ids) == 0 and texts == {}


def test_bounds_long_lines() -> None:
    """However long a line is, its template is at most 512 bytes, and only its first kilobyte counts."""
    long = "word " * 50_000
    assert len(_shape(long).encode()) <= 512
    assert _shape(long) == _shape(long + "x")


@pytest.mark.parametrize("seed", range(3))
def test_survives_any_bytes(seed: int) -> None:
    """Random text of brackets, quotes, escapes and digits never breaks the scan, and ids are repeatable."""
    rng = np.random.default_rng(seed)
    alphabet = list('{}[]()"\'\\=:,; \n\t\x1b[m0a.9-_/é中：log"message"')
    lines = pa.array(["".join(rng.choice(alphabet, rng.integers(0, 80))) for _ in range(500)])
    ids, texts = template_ids(lines)
    again, _ = template_ids(lines)
    assert (ids == again).all() and set(ids.tolist()) == set(texts)


def test_collapses_a_service_log() -> None:
    """Ten thousand lines of five statements are five templates."""
    rng = np.random.default_rng(1)
    number = rng.integers(0, 10**9, 10_000)
    statements = (
        "order {0} created for user u-{0}",
        "payment of {0} refused: card={0}",
        "GET /items/{0}?q={0} 200 in {0}ms",
        "cache miss for key item:{0:x}{0:x}",
        "took lock lock-{0} after {0} tries",
    )
    lines = pa.array([statements[i % 5].format(int(n)) for i, n in enumerate(number)])
    assert len(template_ids(lines)[1]) == 5
