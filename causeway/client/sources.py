"""Where a client's answers come from: a deployment's stores, or a server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from types import MappingProxyType
from typing import Any, Protocol

import httpx2
import pyarrow as pa

from causeway.client.analysis import document, impact_history
from causeway.client.anomalies import anomalies
from causeway.deployment import Deployment
from causeway.errors import CausewayError, StoreError
from causeway.stores.contract import Page, Reader
from causeway.stores.tables import read_table
from causeway.window import Window
from causeway.wire import to_json

# A diagnosis of an hour takes seconds; a server that says nothing for longer than this is not coming back.
TIMEOUT_S = 120.0
NO_OPTIONS: Mapping[str, str] = MappingProxyType({})


class Source(Protocol):
    """Documents as the command line prints them, and tables as the store holds them."""

    def services(self, window: Window) -> list[str]:
        """Every service heard in the window, by name."""
        ...

    def document(self, name: str, window: Window | None, options: Mapping[str, str] = NO_OPTIONS) -> Any:
        """One of `analysis.NAMES`, `impact/history` or `anomalies` of a window, or the `incidents` of all time.

        options: as in the query of the API.
        """
        ...

    def table(self, name: str, window: Window, *, service: str | None, limit: int) -> Page:
        """One of `causeway.stores.tables.TABLES`; ConfigError for another name."""
        ...

    def close(self) -> None:
        """Give back files and connections."""
        ...


class LocalSource:
    """A deployment's places, read from this machine; others may be writing to them."""

    def __init__(self, deployment: Deployment) -> None:
        folder = deployment.data
        if not deployment.distributed and not folder.is_dir():
            raise StoreError(f"no data folder at {folder}: start `causeway up --data {folder}` first, or name another")
        self._deployment = deployment
        self._store: Reader = deployment.open_reader()

    def close(self) -> None:
        """Give back files and connections."""
        self._store.close()

    def services(self, window: Window) -> list[str]:
        """Every service heard in the window, by name."""
        return self._store.services(window)

    def document(self, name: str, window: Window | None, options: Mapping[str, str] = NO_OPTIONS) -> Any:
        """The document as the command line prints it."""
        if window is None:
            return {"incidents": self._incidents()}
        if name == "impact/history":
            return self._impact_history(window)
        if name == "anomalies":
            return self._anomalies(window, options)
        return document(name, self._store, window, options)

    def table(self, name: str, window: Window, *, service: str | None, limit: int) -> Page:
        """The first `limit` rows of a table, and whether there were more."""
        return read_table(self._store, name, window, service=service, limit=limit)

    def _incidents(self) -> list[Any]:
        if not self._deployment.has_state:
            return []
        state = self._deployment.open_state()
        try:
            return [to_json(incident) for incident in state.incidents()]
        finally:
            state.close()

    def _impact_history(self, window: Window) -> Any:
        if not self._deployment.has_state:
            return {"hours": [], "services": {}}
        with closing(self._deployment.open_state()) as state:
            return impact_history(state, window)

    def _anomalies(self, window: Window, options: Mapping[str, str]) -> Any:
        if not self._deployment.has_state:
            return anomalies(self._store, None, window, options)
        with closing(self._deployment.open_state()) as state:
            return anomalies(self._store, state, window, options)


class RemoteSource:
    """A running Causeway, over its API."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        self._url = url.rstrip("/")
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx2.Client(base_url=f"{self._url}/api/v1", timeout=TIMEOUT_S, headers=headers)

    def close(self) -> None:
        """Give back files and connections."""
        self._http.close()

    def services(self, window: Window) -> list[str]:
        """Every service heard in the window, by name."""
        found: list[str] = self._get("services", _times(window)).json()["services"]
        return found

    def document(self, name: str, window: Window | None, options: Mapping[str, str] = NO_OPTIONS) -> Any:
        """The document as the command line prints it."""
        return self._get(name, {} if window is None else {**_times(window), **options}).json()

    def table(self, name: str, window: Window, *, service: str | None, limit: int) -> Page:
        """The first `limit` rows of a table, and whether there were more."""
        query = {**_times(window), "limit": str(limit)}
        if service is not None:
            query["service"] = service
        answer = self._get(f"tables/{name}", query)
        with pa.ipc.open_stream(answer.content) as stream:
            table = stream.read_all()
        return Page(table, truncated=answer.headers.get("X-Causeway-Truncated", "").lower() in {"1", "true"})

    def _get(self, path: str, query: Mapping[str, str]) -> httpx2.Response:
        try:
            answer = self._http.get(path, params=dict(query))
        except httpx2.TransportError as error:
            raise CausewayError(f"no answer from {self._url}: {error}; is `causeway up` running there?") from error
        if answer.status_code >= 400:
            raise CausewayError(f"{self._url}: {path}: status {answer.status_code}: {answer.text[:500]}")
        return answer


def _times(window: Window) -> dict[str, str]:
    return {"from": str(window.start_ns), "to": str(window.end_ns)}
