"""Works out who calls whom beside the documents themselves: nothing is copied, only minutes of rollups are written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

from elasticsearch import Elasticsearch

from causeway import logs
from causeway.deployment import Deployment
from causeway.errors import ConfigError, StoreError
from causeway.stores.elasticsearch import capabilities, templates
from causeway.stores.elasticsearch.layouts import layout_named
from causeway.stores.elasticsearch.minutes import Due, MinuteWorker
from causeway.stores.elasticsearch.names import Names
from causeway.stores.elasticsearch.rollup_documents import RollupDocuments
from causeway.stores.elasticsearch.scan import LayoutSource
from causeway.stores.elasticsearch.settings import ElasticsearchSettings
from causeway.window import HOUR_NS, MINUTE_NS, Window
from collectors.attach.following import AHEAD_NS, ROUND_S, WHOLE_EVERY_S, Progress
from collectors.attach.patience import PatientClient

log = logs.get("attach")

LOOK_BACK_NS = 2 * HOUR_NS
NAMESPACE_OF_COLLECTORS = "default"


def settings_in_place(
    source: ElasticsearchSettings, place: Deployment, *, layout: str, index: str
) -> ElasticsearchSettings:
    """How the documents and their rollups are read from now on. Raises ConfigError for two different clusters.

    Rollups of other documents must not mix with those of a collector: they get the layout's name for a namespace,
    unless the store names one.
    """
    store = place.store
    if store is None or store.hosts != source.hosts or store.cloud_id != source.cloud_id:
        raise ConfigError(
            "rollups are kept beside the documents that they are made of: name the same cluster with --store, or copy "
            "whole spans to another one with --spans copy"
        )
    namespace = layout if store.namespace == NAMESPACE_OF_COLLECTORS else store.namespace
    return replace(source, layout=layout, indices=index, namespace=namespace)


def open_roller(
    settings: ElasticsearchSettings, client: Elasticsearch, patient: PatientClient, stopping: threading.Event
) -> Roller:
    """Raises StoreError when the templates cannot be written."""
    templates.install(client, settings, capabilities.ask(client))
    layout = layout_named(settings.layout)
    source = LayoutSource(cast("Elasticsearch", patient), layout, settings.indices, slices=patient.threads)
    return Roller(MinuteWorker(source, RollupDocuments(client, Names(settings.namespace))), stopping)


@dataclass(slots=True)
class Roller:
    """Computes the minutes whose documents have changed, newest first."""

    worker: MinuteWorker
    stopping: threading.Event
    advance: Callable[[int], None] = lambda by: None  # noqa: ARG005
    progress: Progress = field(default_factory=Progress)

    def catch_up(self, due: list[Due]) -> None:
        """Compute these minutes, then those that they change. Raises StoreError."""
        while due and not self.stopping.is_set():
            again: set[int] = set()
            for one in due:
                if self.stopping.is_set():
                    break
                done = self.worker.compute(one)
                again |= done.again
                self.progress.documents += done.spans or 0
                self.progress.ranges += 1
                self.advance(1)
            due = [Due(minute_ns, marked=True) for minute_ns in sorted(again, reverse=True)]
        self.worker.show()

    def follow(self, start_ns: int, *, clock: Callable[[], int] = time.time_ns) -> None:
        """Compute what changes until asked to stop; what fails is tried again in the next round."""
        whole_at = time.monotonic() + WHOLE_EVERY_S
        while not self.stopping.wait(ROUND_S):
            whole, now_ns = time.monotonic() >= whole_at, clock()
            begin = start_ns if whole else max(start_ns, now_ns - LOOK_BACK_NS)
            try:
                self.catch_up(self.worker.due(Window(begin, now_ns + AHEAD_NS).aligned(MINUTE_NS)))
                whole_at = time.monotonic() + WHOLE_EVERY_S if whole else whole_at
            except StoreError as error:
                log.warning("source.failed", error=str(error), retry="every round")
