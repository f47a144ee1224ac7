"""The label sets of our series, and the two kinds of info series that let them be read back exactly.

Every series we write carries `job`, `instance`, `service_name`, its attributes, and

    causeway_series     `<series_id>.<shape>`: two series never share labels, whatever the rules make of their names
    causeway_resource   `<resource_id>`, which `target_info` has too
    causeway_attributes JSON of the attributes that labels cannot hold: empty ones, more than fit, names that collide

A shape is what the series of a metric share. `causeway_metric_info{causeway_shape, metric, definition}` is 1 for each.
Ids are 16 hexadecimal digits, a shape is 12.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
import xxhash

from causeway.stores.prometheus.names import label_name, metric_name

METRIC_INFO, TARGET_INFO = "causeway_metric_info", "target_info"
SERIES, RESOURCE, ATTRIBUTES, SHAPE = "causeway_series", "causeway_resource", "causeway_attributes", "causeway_shape"
RESERVED = frozenset(
    {"__name__", "job", "instance", "service_name", "le", "quantile", SERIES, RESOURCE, ATTRIBUTES, SHAPE}
)
DESCRIPTION_MAX = 4096
_IN_JOB_AND_INSTANCE = ("service.name", "service.namespace", "service.instance.id")
_WIDTH = 1 << 64

Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Shape:
    """What the series of one metric share. keys: attribute by label, where they differ."""

    name: str
    unit: str | None
    type: str
    temporality: str | None
    monotonic: bool | None
    description: str | None
    keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def prometheus(self) -> str:
        """The metric's name there, without `_bucket`, `_sum` and such."""
        return metric_name(
            self.name,
            self.unit or "",
            type_=self.type,
            temporality=self.temporality or "",
            monotonic=bool(self.monotonic),
        )

    def definition(self) -> str:
        return orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS).decode()

    def labels(self) -> Labels:
        """Those of its info series."""
        return {
            "__name__": METRIC_INFO,
            SHAPE: shape_id(self.definition()),
            "metric": self.prometheus,
            "name": self.name,
            "definition": self.definition(),
        }


def shape_id(definition: str) -> str:
    return xxhash.xxh3_64_hexdigest(definition.encode())[:12]


def shape_of(definition: str) -> Shape:
    """The shape that `Shape.definition` wrote."""
    return Shape(**orjson.loads(definition))


@dataclass(frozen=True, slots=True)
class Labelled:
    """One series of ours: its shape, and its labels without `__name__`."""

    shape: Shape
    labels: Labels

    def named(self, ending: str = "", **more: str) -> Labels:
        """The label set of the whole series, or of one part of a histogram."""
        return {"__name__": self.shape.prometheus + ending, **self.labels, **more}


def labelled(
    row: Mapping[str, Any], resource: Mapping[str, str] | None, *, extra: Mapping[str, str], labels_max: int
) -> Labelled:
    """One row of `records.SERIES` as labels. resource: its attributes, if known. labels_max: beyond it, into JSON."""
    attributes = dict(row["attributes"] or ())
    room = labels_max - 8 - len(extra)
    labels, keys, rest = _attribute_labels(attributes, extra, room)
    description = row["description"]
    shape = Shape(
        row["name"],
        row["unit"],
        row["type"],
        row["temporality"],
        row["monotonic"],
        description[:DESCRIPTION_MAX] if description else description,
        keys,
    )
    labels |= _target_labels(row["service"], row["instance"], resource)
    if row["resource_id"] is not None:
        labels[RESOURCE] = hexadecimal(row["resource_id"])
    if rest:
        labels[ATTRIBUTES] = orjson.dumps(rest, option=orjson.OPT_SORT_KEYS).decode()
    labels[SERIES] = f"{hexadecimal(row['series_id'])}.{shape_id(shape.definition())}"
    return Labelled(shape, labels | dict(extra))


def target_labels(row: Mapping[str, Any], *, extra: Mapping[str, str], labels_max: int) -> Labels:
    """One row of `records.RESOURCES` as the labels of `target_info`; attributes beyond `labels_max` are left out."""
    attributes = dict(row["attributes"] or ())
    named = _target_labels(row["service"], row["instance"], attributes)
    named |= {"__name__": TARGET_INFO, RESOURCE: hexadecimal(row["resource_id"]), **extra}
    others = {key: value for key, value in attributes.items() if key not in _IN_JOB_AND_INSTANCE}
    labels, _, _ = _attribute_labels(others, extra, labels_max - len(named))
    return labels | named


def read_attributes(labels: Mapping[str, str], shape: Shape, extra: Iterable[str]) -> list[tuple[str, str]]:
    """The attributes that `labelled` put into these labels, by key."""
    rest: dict[str, str] = orjson.loads(labels[ATTRIBUTES]) if ATTRIBUTES in labels else {}
    hidden = {*RESERVED, *extra, *(_free_label(key, set(extra)) for key in rest)}
    found = {shape.keys.get(label, label): value for label, value in labels.items() if label not in hidden}
    return sorted((found | rest).items())


def hexadecimal(number: int) -> str:
    """A signed 64-bit id as 16 hexadecimal digits."""
    return f"{number % _WIDTH:016x}"


def number_of(text: str) -> int:
    """The id that `hexadecimal` wrote. Raises ValueError."""
    number = int(text, 16)
    return number - _WIDTH if number >= _WIDTH // 2 else number


def _target_labels(service: str | None, instance: str | None, resource: Mapping[str, str] | None) -> Labels:
    labels = {}
    if service:
        namespace = (resource or {}).get("service.namespace")
        labels = {"service_name": service, "job": f"{namespace}/{service}" if namespace else service}
    if instance:
        labels["instance"] = instance
    return labels


def _attribute_labels(
    attributes: Mapping[str, str], extra: Mapping[str, str], room: int
) -> tuple[Labels, dict[str, str], dict[str, str]]:
    """Labels, the keys of those that are named otherwise, and the attributes that are kept beside the labels."""
    by_label: dict[str, list[str]] = {}
    for key in sorted(attributes):
        by_label.setdefault(_free_label(key, set(extra)), []).append(key)
    labels: Labels = {}
    keys: dict[str, str] = {}
    rest: dict[str, str] = {}
    for label, those in by_label.items():
        if len(labels) >= room:
            rest |= {key: attributes[key] or "" for key in those}
            continue
        text = ";".join(attributes[key] or "" for key in those)
        if len(those) > 1 or not text:
            rest |= {key: attributes[key] or "" for key in those}
        elif label != those[0]:
            keys[label] = those[0]
        if text:
            labels[label] = text
    return labels, keys, rest


def _free_label(key: str, taken: set[str]) -> str:
    label = label_name(key)
    while label in RESERVED or label in taken:
        label = f"exported_{label}"
    return label
