"""Template ids by miner: what is one template, what stays apart, what survives a restart, what is bounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causeway.errors import StoreError
from causeway.logtemplates.miner import NO_BODY, TemplateMiner
from causeway.logtemplates.mining import OTHER, Mine
from causeway.logtemplates.state import load, save


def _texts(lines: list[str], miner: TemplateMiner | None = None) -> list[str]:
    miner = miner or TemplateMiner()
    ids = miner.template_column(pa.array(lines)).to_pylist()
    return [found.text if (found := miner.mine.template(one)) else "" for one in ids]


@pytest.mark.parametrize(
    ("line", "template"),
    [
        ("connected to 10.0.0.17:5432 in 12ms", "connected to <*> in <*>"),
        ("user 0b23bd3e-876a-4af3-b920-c50a90c90b04 logged in", "user <*> logged in"),
        ("at 2023-01-29T08:42:22.383Z it began", "at <*> it began"),
        ("reading /etc/app/conf.yaml.", "reading <*>."),
        ("see https://example.org/a/b please", "see <*> please"),
        ("ssh2 on L3 stays", "ssh2 on L3 stays"),
        ("core.2275 dumped by worker_12", "core.<*> dumped by <*>"),
        ("pool Travel#64 of Bean@1f2e3d", "pool Travel#<*> of Bean@<*>"),
        ("user=bob tries=3", "user=bob tries=<*>"),
        ("ready=true, cause=null", "ready=<*>, cause=<*>"),
        ("mac 00:1b:44:11:3a:b7 joined", "mac <*> joined"),
        ("seen on Sat Dec 03 exactly", "seen on <*> <*> <*> exactly"),
        ("moved 1 2 3 4 5 6 7 8 away", "moved <*> away"),
        ("stations: [nanjing, suzhou, shanghai]", "stations: [<*>]"),
        ("wait.......................0", "wait.......................<*>"),
        ('{"orderId":"f642a688","paid":true}', '{"orderId":"<*>","paid":<*>}'),
        ('{"log":"\\u001b[31mERROR\\u001b[0m disk 7 full\\n","stream":"stdout"}', "ERROR disk <*> full"),
        ("boom 5\n\tat a.b.C(C.java:12)\n\tat d.e.F", "boom <*>"),
        ("耗时123毫秒，编号：f3d4d4ef", "耗时<*>毫秒，编号：<*>"),
        ("two  blanks\tand a tab", "two blanks and a tab"),
        ("", ""),
    ],
)
def test_masks_by_spelling(line: str, template: str) -> None:
    """Numbers, ids, addresses, times, paths, truth values and lists are variables at first sight; words are not."""
    assert _texts([line]) == [template]


def test_a_column_with_many_words_opens() -> None:
    """Six different words in one place are a variable; all lines of the call get the one template."""
    names = ("ada", "bob", "eve", "kim", "lee", "max", "zoe")
    assert set(_texts([f"session opened for user {name} by root" for name in names])) == {
        "session opened for user <*> by root"
    }


def test_a_small_enumeration_stays_apart() -> None:
    """States are few: each transition is a message of its own."""
    lines = [f"task moved to state {state} now" for state in ("NEW", "RUNNING", "FAILED")]
    assert _texts(lines) == lines


def test_a_word_in_place_of_a_number_is_a_variable() -> None:
    """Within a sentence, a place that held a number and now holds a word varies."""
    lines = ["Failed password for user 0101 from here", "Failed password for user admin from here"]
    assert set(_texts(lines)) == {"Failed password for user <*> from here"}


def test_single_words_are_not_merged() -> None:
    """No template is nothing but a variable because ten methods log their name."""
    lines = [f"on{name}" for name in ("Start", "Stop", "Pause", "Resume", "Destroy", "Create", "Low", "Bind", "Click")]
    assert _texts(lines) == lines


def test_widening_keeps_the_oldest_id_and_counts_versions() -> None:
    """The id of the first line's template stays, its version rises, and the others' ids still lead to it."""
    miner = TemplateMiner()
    names = ("ada", "bob", "eve", "kim", "lee", "max")
    ids = [miner.template_column(pa.array([f"hello dear {name} at home"]))[0].as_py() for name in names]
    now = miner.mine.template(ids[0])
    assert len(set(ids[:5])) == 5
    assert now is not None and now.id == ids[0] and now.version == 2
    assert set(miner.resolve(np.array(ids)).tolist()) == {ids[0]}


def test_ids_are_the_same_everywhere() -> None:
    """An id is a hash of the words: two machines that saw nothing of each other agree."""
    one, other = TemplateMiner(), TemplateMiner()
    other.template_column(pa.array(["something else first"]))
    line = pa.array(["connected in 5 ms"])
    assert one.template_column(line).equals(other.template_column(line))
    assert one.template_column(line)[0].as_py() not in (NO_BODY, OTHER)


def test_the_state_survives_a_restart(tmp_path: Path) -> None:
    """A miner read from its file gives the same ids, and no known shape takes the slow path again."""
    lines = pa.array(
        [f"user {name} did {n} things" for n, name in enumerate(["ada", "bob", "eve", "kim", "lee", "max", "zoe"] * 3)]
    )
    miner, file = TemplateMiner(), tmp_path / "templates.arrow"
    ids = miner.template_column(lines)
    save(miner, file)
    again = load(file)
    assert again.template_column(lines).equals(ids) and again.learned == 0
    assert again.mine.templates() == miner.mine.templates() and again.mine.aliases.keys() == miner.mine.aliases.keys()
    assert [path.name for path in tmp_path.iterdir()] == ["templates.arrow"]


def test_no_file_is_an_empty_miner_and_a_damaged_one_an_error(tmp_path: Path) -> None:
    """A first start needs no file; a broken file is never taken for an empty one."""
    assert len(load(tmp_path / "none").mine) == 0
    broken = tmp_path / "broken"
    broken.write_bytes(b"not an Arrow file")
    with pytest.raises(StoreError, match="move the file away"):
        load(broken)
    with pytest.raises(StoreError, match="cannot write"):
        save(TemplateMiner(), tmp_path / "no" / "folder")


def test_templates_have_a_cap() -> None:
    """Beyond the cap every new message is OTHER; known ones keep their templates."""
    miner = TemplateMiner(Mine(templates_max=3))
    words = ("alpha one", "beta two three", "gamma", "delta four five six", "epsilon seven eight nine ten")
    ids = miner.template_column(pa.array(words)).to_pylist()
    assert len(miner.mine) == 3 and ids[3:] == [OTHER, OTHER]
    assert miner.template_column(pa.array(["gamma"]))[0].as_py() == ids[2]


def test_a_flood_of_word_pairs_stays_small() -> None:
    """Two free words in every line, never the same pair: the layout is thinned out instead of growing for ever."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    lines = [f"user q{a}{b}x moved from w{b}{a}z happily" for a in letters for b in letters]
    assert len(set(_texts(lines))) < 20


def test_forgets_shapes_and_not_templates() -> None:
    """When the table of shapes is full it starts anew; ids stay what they were."""
    miner = TemplateMiner(shapes_max=8)
    lines = pa.array([f"{word} happened to number 5" for word in ["abc", "def", "ghi", "jkl", "mno", "pqr"]])
    first = miner.template_column(lines)
    for start in range(20):
        miner.template_column(pa.array([f"{chr(97 + start)} {'x ' * start}"]))
    assert miner.template_column(lines).equals(first)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.string_view()])
def test_takes_any_arrow_text(kind: pa.DataType) -> None:
    """Chunks, slices and nulls do not matter."""
    bodies = pa.chunked_array([["skipped", "a 10"], [None, "b 20", "a 30"]], pa.string()).slice(1).cast(kind)
    ids = TemplateMiner().template_column(bodies).to_pylist()
    assert ids[0] == ids[3] != ids[2] and ids[1] == NO_BODY
    assert len(TemplateMiner().template_column(pa.array([], kind))) == 0


def test_takes_dictionaries() -> None:
    """Each text of a dictionary is looked up once; null indices have no body."""
    bodies = pa.array(["a 10", None, "a 30", "b 1"]).dictionary_encode()
    ids = TemplateMiner().template_column(bodies).to_pylist()
    assert ids[0] == ids[2] and ids[1] == NO_BODY and ids[3] not in ids[:3]


def test_bounds_long_lines_and_binary_junk() -> None:
    """A line of a megabyte counts by its first kilobyte; bytes that are no text are a template like any other."""
    long = "word " * 200_000
    miner = TemplateMiner()
    ids = miner.template_column(pa.array([long, long + "x 5"])).to_pylist()
    assert ids[0] == ids[1]
    junk = pa.array([bytes(range(256)) * 10, b"\xff\xfe\x00\x01" * 5_000, b"{" * 3_000], pa.binary())
    assert NO_BODY not in miner.template_column(junk).to_pylist()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(alphabet=st.sampled_from("{}[]()\"'\\=:,; \n\t\x1b[m0a.9-_/é中：log@#*"), max_size=60), max_size=30
    )
)
def test_any_text_has_a_stable_template(lines: list[str]) -> None:
    """Whatever the characters: asking twice gives the same ids, learns nothing new, and each id has a text."""
    miner, column = TemplateMiner(), pa.array(lines, pa.string())
    ids = miner.resolve(miner.template_column(column).to_numpy())
    learned = miner.learned
    assert (miner.template_column(column).to_numpy() == ids).all() and miner.learned == learned
    assert all(miner.mine.template(one) is not None for one in ids.tolist())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=20), st.integers(1, 5))
def test_numbers_never_split_a_template(numbers: list[int], cut: int) -> None:
    """However lines are cut into calls, the same statement with other numbers is one template."""
    miner = TemplateMiner()
    lines = [f"order {10 + number} done in {10 + number % 977} ms" for number in numbers]
    ids = [
        one
        for at in range(0, len(lines), cut)
        for one in miner.template_column(pa.array(lines[at : at + cut])).to_pylist()
    ]
    assert len(set(ids)) == 1
