"""Templates from the words of shapes: incremental, deterministic and bounded.

Templates that differ in one column only become one when the values of that column look like a variable's. The id of a
template is a hash of its first words and stays when it is widened; the ids that it absorbs become its aliases.
"""

from __future__ import annotations

import re
from bisect import insort
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import xxhash

from causeway.logtemplates.wording import MASKED, OPEN, is_word, text

TEMPLATES_MAX = 10_000
OTHER = -1  # the id of every line whose template came after the cap was reached
OTHER_TEXT = MASKED

Columns = tuple[str, ...]

# A column opens when the weights of its values reach EVIDENCE: two qualified names, or six different words. The
# result does not hang on the figures: docs/accuracy.md shows what others give.
_EVIDENCE = 6
_EVIDENCE_FIRST = 8  # for the first column, which names the message more often than not
_EVIDENCE_ALONE = 50  # for a column without which no word of the template is left
_WEIGHT_WORD, _WEIGHT_NAME, _WEIGHT_MASK, _WEIGHT_MASK_IN_CONTEXT = 1, 3, 3, 6
_CONTEXT = 3  # other words that make a sentence of it
_COLUMNS_MAX = 64  # columns of a template that may open
_CROWD = 64  # templates of one layout from which on a column with mostly different words opens

_QUALIFIED = re.compile(r".*\w[._/$@]\w.*")
_SYMBOL = re.compile(r"(?:.*\.)?[A-Z0-9_]+")  # NEW, SCREEN_ON, android.intent.action.SCREEN_ON: one of an enumeration
_DIGITS = re.compile(r"\d+")


@dataclass(slots=True, frozen=True)
class Template:
    """`version` counts from 1 how often it was widened; `order` is its place among all ever found."""

    id: int
    columns: Columns
    order: int
    version: int = 1

    @property
    def text(self) -> str:
        return text(self.columns)


@dataclass(slots=True)
class Mine:
    """The templates found so far. At most `templates_max`; what comes later is OTHER."""

    templates_max: int = TEMPLATES_MAX
    aliases: dict[int, int] = field(default_factory=dict)
    changed: int = 0  # how often a template came or was widened
    _by_id: dict[int, Template] = field(default_factory=dict)
    _by_columns: dict[Columns, int] = field(default_factory=dict)
    _lengths: dict[int, dict[int, Template]] = field(default_factory=dict)
    _opened: dict[tuple[int, str], list[tuple[int, int]]] = field(default_factory=dict)
    _neighbours: dict[int, list[int]] = field(default_factory=dict)
    _layouts: dict[int, dict[int, None]] = field(default_factory=dict)
    _found: int = 0

    def __len__(self) -> int:
        return len(self._by_id)

    def templates(self) -> list[Template]:
        """All of them, oldest first."""
        return sorted(self._by_id.values(), key=lambda template: template.order)

    def template(self, template_id: int) -> Template | None:
        """The template that an id means today; None if the id is not known."""
        return self._by_id.get(self.resolve(template_id))

    def resolve(self, template_id: int) -> int:
        """The id that stands for this one today."""
        while template_id in self.aliases:
            template_id = self.aliases[template_id]
        return template_id

    def match(self, columns: Columns) -> Template | None:
        """The template these words belong to, without learning anything; the oldest, if several fit."""
        exact = self._by_columns.get(columns)
        if exact is not None:
            return self._by_id[exact]
        fitting = (
            (order, template_id)
            for first in (*(columns[:1] or ("",))[0:1], OPEN)
            for order, template_id in self._opened.get((len(columns), first), ())
            if _fits(self._by_id[template_id].columns, columns)
        )
        best = min(fitting, default=None)
        return None if best is None else self._by_id[best[1]]

    def learn(self, columns: Columns) -> int:
        """The id of the template of these words, found or made."""
        known = self.match(columns)
        if known is not None:
            return known.id
        if len(self) >= self.templates_max:
            return OTHER
        template = Template(_first_id(columns), columns, self._found)
        self._found += 1
        self._place(template)
        return self.resolve(template.id)

    def restore(self, templates: Iterable[Template], aliases: dict[int, int]) -> None:
        """Take over what another mine knew, as it was."""
        self.aliases.update(aliases)
        for template in templates:
            self._enter(template)
            self._found = max(self._found, template.order + 1)

    def _place(self, template: Template) -> None:
        self._enter(template)
        for i, key in _keys(template.columns):
            values = [self._by_id[other].columns[i] for other in self._neighbours[key]]
            if len(values) > 1 and template.columns[i] != OPEN and _varies(template.columns, i, values):
                self._open([template], i)
                return
        crowd = self._layouts[_layout(template.columns)]
        if len(crowd) >= _CROWD and len(crowd).bit_count() == 1:
            self._thin_out([self._by_id[member] for member in crowd])

    def _open(self, templates: Sequence[Template], i: int) -> None:
        """Widen templates at one column; everything that the wide ones cover becomes part of them."""
        for wide in dict.fromkeys(_widened(template.columns, i) for template in templates):
            covered = [other for other in self._lengths[len(wide)].values() if _fits(wide, other.columns)]
            if not covered:
                continue
            covered.sort(key=lambda other: other.order)
            for other in covered:
                self._remove(other)
            oldest = covered[0]
            self.aliases.update({other.id: oldest.id for other in covered[1:]})
            self._place(Template(oldest.id, wide, oldest.order, max(other.version for other in covered) + 1))

    def _thin_out(self, crowd: list[Template]) -> None:
        """Many templates of one layout: the column with most different words opens, if it differs in most lines."""
        columns = range(min(len(crowd[0].columns), _COLUMNS_MAX))
        variety = [len({member.columns[i] for member in crowd}) for i in columns]
        most = max(columns, key=variety.__getitem__)
        if variety[most] * 2 >= len(crowd):
            self._open(crowd, most)

    def _enter(self, template: Template) -> None:
        columns = template.columns
        self.changed += 1
        self._by_id[template.id] = template
        self._by_columns[columns] = template.id
        self._lengths.setdefault(len(columns), {})[template.id] = template
        self._layouts.setdefault(_layout(columns), {})[template.id] = None
        if OPEN in columns:
            insort(self._opened.setdefault((len(columns), columns[0]), []), (template.order, template.id))
        for _, key in _keys(columns):
            self._neighbours.setdefault(key, []).append(template.id)

    def _remove(self, template: Template) -> None:
        columns = template.columns
        del self._by_id[template.id], self._by_columns[columns], self._lengths[len(columns)][template.id]
        _discard(self._layouts, _layout(columns), template.id)
        if OPEN in columns:
            self._opened[len(columns), columns[0]].remove((template.order, template.id))
        for _, key in _keys(columns):
            members = self._neighbours[key]
            members.remove(template.id)
            if not members:
                del self._neighbours[key]


def _discard(groups: dict[int, dict[int, None]], key: int, member: int) -> None:
    del groups[key][member]
    if not groups[key]:
        del groups[key]


def _first_id(columns: Columns) -> int:
    """A hash of the words, the same everywhere; 0 and -1 mean no body and OTHER."""
    found = xxhash.xxh3_64_intdigest("\x00".join(columns).encode("utf-8", "replace")) - 2**63
    return found if found not in (0, OTHER) else 1


def _keys(columns: Columns) -> Iterator[tuple[int, int]]:
    """Each word's place, and a hash that templates share which differ in nothing but this word."""
    for i, column in enumerate(columns[:_COLUMNS_MAX]):
        if is_word(column):
            yield i, hash((i, columns[:i], columns[i + 1 :]))


def _layout(columns: Columns) -> int:
    """A hash that templates share which differ in words behind the first column only."""
    return hash((columns[:1], tuple("" if is_word(column) else column for column in columns[1:])))


def _widened(columns: Columns, i: int) -> Columns:
    return (*columns[:i], OPEN, *columns[i + 1 :])


def _fits(wide: Columns, columns: Columns) -> bool:
    return all(ours == theirs or (ours == OPEN and is_word(theirs)) for ours, theirs in zip(wide, columns, strict=True))


def _varies(columns: Columns, i: int, values: list[str]) -> bool:
    """Whether different values in column i of otherwise equal templates make it a variable."""
    context = sum(is_word(column) and column not in (MASKED, OPEN) for j, column in enumerate(columns) if j != i)
    if not context:
        return len(values) >= _EVIDENCE_ALONE
    if OPEN in values:
        return True
    stems = Counter(_DIGITS.sub("", value) for value in values)
    weight = sum(
        (_WEIGHT_MASK_IN_CONTEXT if context >= _CONTEXT else _WEIGHT_MASK)
        if value == MASKED
        else _WEIGHT_NAME
        if stems[_DIGITS.sub("", value)] > 1 or (i and _QUALIFIED.fullmatch(value) and not _SYMBOL.fullmatch(value))
        else _WEIGHT_WORD
        for value in values
    )
    return weight >= (_EVIDENCE if i else _EVIDENCE_FIRST)
