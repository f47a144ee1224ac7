"""Label sets read as series of `causeway.records`: ours exactly, those of others by conventions and metadata."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import xxhash

from causeway.errors import StoreError
from causeway.stores.prometheus import names, semantics
from causeway.stores.prometheus.client import Client
from causeway.stores.prometheus.labelling import (
    METRIC_INFO,
    RESOURCE,
    SERIES,
    SHAPE,
    TARGET_INFO,
    Shape,
    number_of,
    read_attributes,
    shape_of,
)
from causeway.stores.prometheus.owners import Owners
from causeway.stores.prometheus.query import SampleQuery, exactly, selector
from causeway.stores.prometheus.semantics import Metric
from causeway.stores.prometheus.settings import PrometheusSettings

SHAPES_REFRESH_S = 5.0
METADATA_REFRESH_S = 300.0
COMPOUND = ("histogram", "exponential_histogram", "summary")
ENDINGS = ("_bucket", "_sum", "_count", "_min", "_max")
_SCALAR_PART = "value"

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a label set is: a whole series, or a part of a histogram or summary (`bucket`, `sum`, `quantile`, ...)."""

    series_id: int
    name: str
    type: str
    service: str | None
    instance: str | None
    part: str
    bound: float
    labels: Labels
    shape: Shape | None  # of ours
    used: frozenset[str] = frozenset()  # labels that said whose it is

    @property
    def compound(self) -> bool:
        return self.part != _SCALAR_PART


class Interpreter:
    """Knows the shapes and the metadata of one server. For many threads: what it learns replaces what it knew."""

    def __init__(self, client: Client, query: SampleQuery, settings: PrometheusSettings) -> None:
        self._client = client
        self._query = query
        self._settings = settings
        self._shapes: dict[str, Shape] = {}
        self._learned_at = float("-inf")
        self._metadata: dict[str, tuple[str, str, str]] = {}
        self._metadata_at = float("-inf")
        self.owners = Owners(settings.rules)

    def refresh(self, *, now: bool = False) -> None:
        """Read the shapes again unless that was a moment ago, and the metadata now and then."""
        moment = time.monotonic()
        if now or moment - self._learned_at > SHAPES_REFRESH_S:
            ours = [exactly("__name__", METRIC_INFO), *self._ours()]
            sets = self._query.label_sets([selector(ours)])
            self._shapes = {labels[SHAPE]: shape_of(labels["definition"]) for labels in sets if "definition" in labels}
            self._learned_at = moment
        if self._settings.foreign and moment - self._metadata_at > METADATA_REFRESH_S:
            self._metadata = self._read_metadata()
            self._metadata_at = moment

    def _ours(self) -> list[str]:
        both = {**self._settings.match, **self._settings.labels}
        return [exactly(label, value) for label, value in both.items()]

    def _read_metadata(self) -> dict[str, tuple[str, str, str]]:
        """(type, help, unit) by name; empty where the server has no such thing."""
        try:
            found: Mapping[str, list[Mapping[str, str]]] = self._client.ask("metadata")
        except StoreError:
            return {}
        return {
            name: (entries[0].get("type", ""), entries[0].get("help", ""), entries[0].get("unit", ""))
            for name, entries in found.items()
            if entries
        }

    # -- names ---------------------------------------------------------------------------------------------------

    def prometheus_names(self, wanted: Iterable[str], *, compound: bool | None) -> list[str]:
        """All names that samples of these metrics may have, of scalar or of compound ones or both (None)."""
        self.refresh()
        chosen = set(wanted)
        stems = {shape.prometheus: shape.type in COMPOUND for shape in self._shapes.values() if shape.name in chosen}
        if self._settings.foreign:
            for name in chosen:
                for stem in semantics.prometheus_names(name):
                    stems[stem] = semantics.METRICS[stem].type in COMPOUND
        found: dict[str, None] = {}
        for stem, is_compound in stems.items():
            if not is_compound and compound is not True:
                found[stem] = None
            if is_compound and compound is not False:
                found |= dict.fromkeys((stem, *(stem + ending for ending in ENDINGS)))
        if self._settings.foreign:
            # Others' names that no convention knows stay as they are.
            plain = {name for name in chosen if name.isascii() and name.replace("_", "a").replace(":", "a").isalnum()}
            found |= dict.fromkeys(sorted(plain))
            if compound is not False:
                found |= dict.fromkeys(name + ending for name in sorted(plain) for ending in ENDINGS)
        return list(found)

    def of_kind(self, every: Iterable[str], *, compound: bool) -> list[str]:
        """Those of the server's metric names that may hold samples of scalar, or of compound series."""
        self.refresh()
        there = set(every)
        ours: dict[str, set[bool]] = {}
        for shape in self._shapes.values():
            is_compound = shape.type in COMPOUND
            for ending in ("", *ENDINGS) if is_compound else ("",):
                ours.setdefault(shape.prometheus + ending, set()).add(is_compound)
        chosen = []
        for name in sorted(there - {METRIC_INFO, TARGET_INFO}):
            kinds = set(ours.get(name, set()))
            if self._settings.foreign:
                kinds.add(self._foreign_part(name, there)[0] != _SCALAR_PART or self._is_summary(name))
            if compound in kinds:
                chosen.append(name)
        return chosen

    def _is_summary(self, name: str) -> bool:
        return self._metadata.get(name, ("",))[0] == "summary"

    # -- label sets ----------------------------------------------------------------------------------------------

    def origins(self, sets: Iterable[Labels], there: Iterable[str] = ()) -> list[Origin | None]:
        """What each label set is; None for info series. there: names on the server, which tell sums from parts."""
        known = set(there)
        return [self._origin(labels, known) for labels in sets]

    def _origin(self, labels: Labels, there: set[str]) -> Origin | None:
        name = labels.get("__name__", "")
        if name in {METRIC_INFO, TARGET_INFO}:
            return None
        series, _, shape_id = labels.get(SERIES, "").partition(".")
        if shape_id:
            return self._our_origin(name, labels, series, shape_id)
        return self._foreign_origin(name, labels, there)

    def _our_origin(self, name: str, labels: Labels, series: str, shape_id: str) -> Origin:
        shape = self._shapes.get(shape_id)
        if shape is None:
            self.refresh(now=True)
            shape = self._shapes.get(shape_id)
        if shape is None:
            raise StoreError(
                f"nothing says what {name} of series {series} is: {METRIC_INFO} for {SHAPE} {shape_id} is missing"
            )
        part = _SCALAR_PART
        if shape.type in COMPOUND:
            part = name[len(shape.prometheus) + 1 :] or "quantile"
        return Origin(
            number_of(series),
            shape.name,
            shape.type,
            labels.get("service_name"),
            labels.get("instance"),
            part,
            _bound(labels),
            labels,
            shape,
        )

    def _foreign_origin(self, name: str, labels: Labels, there: set[str]) -> Origin | None:
        part, stem, type_ = self._foreign_part(name, there)
        if "quantile" in labels and part == _SCALAR_PART:
            part, type_ = "quantile", "summary"
        metric = self.foreign_metric(stem, type_)
        service, instance, used = self.owners.owner(name, labels)
        bound = _bound(labels)
        identity = [f"{key}\0{value}" for key, value in sorted(labels.items()) if key not in _PART_LABELS]
        series_id = xxhash.xxh3_64_intdigest("\0".join([stem, *identity]).encode()) - (1 << 63)
        return Origin(series_id, metric.name, metric.type, service, instance, part, bound, labels, None, used)

    def _foreign_part(self, name: str, there: set[str]) -> tuple[str, str, str]:
        """(part, stem, type) of a name: what metadata, conventions or its neighbours tell."""
        for ending in ("_bucket", "_sum", "_count"):
            stem = name.removesuffix(ending)
            if stem == name:
                continue
            said = self._metadata.get(stem, ("",))[0]
            if said in COMPOUND:
                return ending[1:], stem, said
            if ending == "_bucket" or f"{stem}_bucket" in there:
                return ending[1:], stem, "histogram"
            known = semantics.METRICS.get(stem)
            if known is not None and known.type in COMPOUND:
                return ending[1:], stem, known.type
            if {f"{stem}_sum", f"{stem}_count"} <= there and stem in there:
                return ending[1:], stem, "summary"
        return _SCALAR_PART, name, ""

    def foreign_metric(self, stem: str, type_: str = "") -> Metric:
        """The metric of others that this stem is: by semantic conventions, else by metadata and endings."""
        known = semantics.METRICS.get(stem)
        if known is not None and (not type_ or known.type == type_):
            return known
        said, _, unit = self._metadata.get(stem, ("", "", ""))
        unit = names.unit_of_words(unit) if unit else names.unit_of_name(stem)
        if type_ in COMPOUND:
            return Metric(stem, unit, type_, "CUMULATIVE")
        if said == "counter" or (not said and stem.endswith("_total")):
            return Metric(stem, unit, "sum", "CUMULATIVE", True)
        return Metric(stem, unit, "gauge")

    # -- rows ----------------------------------------------------------------------------------------------------

    def series_row(self, origin: Origin) -> dict[str, Any]:
        """A row of `records.SERIES`."""
        labels, shape = origin.labels, origin.shape
        if shape is not None:
            resource = labels.get(RESOURCE)
            return {
                "series_id": origin.series_id,
                "name": shape.name,
                "unit": shape.unit,
                "type": shape.type,
                "temporality": shape.temporality,
                "monotonic": shape.monotonic,
                "service": origin.service,
                "instance": origin.instance,
                "resource_id": number_of(resource) if resource else None,
                "description": shape.description,
                "attributes": read_attributes(labels, shape, self._settings.labels),
                "first_ns": None,
            }
        part, stem, type_ = origin.part, labels["__name__"], origin.type
        stem = stem.removesuffix(f"_{part}") if origin.compound else stem
        metric = self.foreign_metric(stem, type_ if origin.compound else "")
        return {
            "series_id": origin.series_id,
            "name": metric.name,
            "unit": metric.unit,
            "type": metric.type,
            "temporality": metric.temporality,
            "monotonic": metric.monotonic,
            "service": origin.service,
            "instance": origin.instance,
            "resource_id": None,
            "description": self._metadata.get(stem, ("", "", ""))[1],
            "attributes": _foreign_attributes(origin, conventional=stem in semantics.METRICS),
            "first_ns": None,
        }


_PART_LABELS = frozenset({"__name__", "le", "quantile"})


def _foreign_attributes(origin: Origin, *, conventional: bool) -> list[tuple[str, str]]:
    words = semantics.ATTRIBUTES if conventional else {}
    hidden = _PART_LABELS | origin.used
    return sorted((words.get(label, label), value) for label, value in origin.labels.items() if label not in hidden)


def _bound(labels: Labels) -> float:
    text = labels.get("le") or labels.get("quantile") or "nan"
    try:
        return float(text)
    except ValueError:
        return float("nan")
