"""The durable outbox: messages to alarm systems wait here until they are taken or given up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import sqlalchemy as sa

from causeway.state.database import Database
from causeway.state.records import Delivery, OutboxRow
from causeway.state.tables import outbox

# What is finished is kept for people to look up, up to so many rows; what is pending is never thrown away.
FINISHED_MAX = 10_000


class OutboxState:
    """The outbox's part of the state."""

    _database: Database

    def enqueue(
        self,
        forwarder: str,
        key: str,
        payload: Mapping[str, Any],
        *,
        now_ns: int,
        topic: str = "",
        due_ns: int | None = None,
    ) -> bool:
        """Put a message in; True if it is new. The same (forwarder, key) again changes nothing."""
        known = sa.select(outbox.c.id).where(outbox.c.forwarder == forwarder, outbox.c.key == key)
        with self._database.writing() as connection:
            if connection.scalar(known) is not None:
                return False
            connection.execute(
                outbox.insert().values(
                    forwarder=forwarder,
                    key=key,
                    topic=topic or key,
                    payload=orjson.dumps(dict(payload)).decode(),
                    delivery=Delivery.PENDING.value,
                    attempts=0,
                    deliveries=0,
                    created_ns=now_ns,
                    due_ns=now_ns if due_ns is None else due_ns,
                    updated_ns=now_ns,
                )
            )
        return True

    def due(self, now_ns: int, *, forwarder: str | None = None, limit: int = 100) -> list[OutboxRow]:
        """Pending rows whose time has come, oldest first."""
        query = sa.select(outbox).where(outbox.c.delivery == Delivery.PENDING.value, outbox.c.due_ns <= now_ns)
        if forwarder is not None:
            query = query.where(outbox.c.forwarder == forwarder)
        return self._rows(query.order_by(outbox.c.id).limit(limit))

    def claim(self, row_id: int, *, now_ns: int, until_ns: int) -> bool:
        """Whether the due row is now the caller's alone to deliver; where nothing becomes of it, it is due again
        at `until_ns`."""
        row = (outbox.c.id == row_id, outbox.c.delivery == Delivery.PENDING.value, outbox.c.due_ns <= now_ns)
        with self._database.writing() as connection:
            return connection.execute(outbox.update().where(*row).values(due_ns=until_ns)).rowcount == 1

    def outbox_rows(
        self,
        *,
        forwarder: str | None = None,
        topic: str | None = None,
        delivery: Delivery | None = None,
        limit: int = 100,
    ) -> list[OutboxRow]:
        """Rows for people to look at, newest first."""
        query = sa.select(outbox).order_by(outbox.c.id.desc()).limit(limit)
        for column, wanted in (
            (outbox.c.forwarder, forwarder),
            (outbox.c.topic, topic),
            (outbox.c.delivery, delivery),
        ):
            if wanted is not None:
                query = query.where(column == str(wanted))
        return self._rows(query)

    def mark_delivered(self, row_id: int, *, now_ns: int, again_ns: int | None = None) -> None:
        """The message was taken. With `again_ns` it stays pending and is due again then."""
        delivery = Delivery.DELIVERED if again_ns is None else Delivery.PENDING
        self._mark(
            row_id,
            delivery=delivery.value,
            attempts=0,
            deliveries=outbox.c.deliveries + 1,
            error=None,
            updated_ns=now_ns,
            due_ns=outbox.c.due_ns if again_ns is None else again_ns,
        )

    def mark_failed(self, row_id: int, *, error: str, retry_ns: int, now_ns: int) -> None:
        """The message was not taken and is due again at `retry_ns`."""
        self._mark(row_id, attempts=outbox.c.attempts + 1, error=error, due_ns=retry_ns, updated_ns=now_ns)

    def mark_dead(self, row_id: int, *, error: str, now_ns: int) -> None:
        """The message is given up, and kept for people to see."""
        self._mark(
            row_id,
            delivery=Delivery.DEAD.value,
            attempts=outbox.c.attempts + 1,
            error=error,
            updated_ns=now_ns,
        )

    def mark_superseded(self, row_id: int, *, now_ns: int) -> None:
        """A newer message of the topic says all that this one would."""
        self._mark(row_id, delivery=Delivery.SUPERSEDED.value, updated_ns=now_ns)

    def refresh(self, row_id: int, payload: Mapping[str, Any]) -> None:
        """Replace the content of a pending message by a newer one of the same meaning."""
        self._mark(row_id, payload=orjson.dumps(dict(payload)).decode())

    def outbox_counts(self) -> dict[str, dict[str, int]]:
        """Forwarder -> delivery -> rows."""
        query = sa.select(outbox.c.forwarder, outbox.c.delivery, sa.func.count()).group_by(
            outbox.c.forwarder, outbox.c.delivery
        )
        found: dict[str, dict[str, int]] = {}
        with self._database.reading() as connection:
            for forwarder, delivery, count in connection.execute(query):
                found.setdefault(forwarder, {})[delivery] = count
        return found

    def prune_outbox(self) -> int:
        """Forget the oldest finished rows beyond FINISHED_MAX; how many were forgotten."""
        finished = outbox.c.delivery != Delivery.PENDING.value
        kept = sa.select(outbox.c.id).where(finished).order_by(outbox.c.id.desc()).limit(FINISHED_MAX)
        with self._database.writing() as connection:
            return connection.execute(outbox.delete().where(finished, outbox.c.id.not_in(kept))).rowcount

    def _mark(self, row_id: int, **values: Any) -> None:
        with self._database.writing() as connection:
            connection.execute(outbox.update().where(outbox.c.id == row_id).values(**values))

    def _rows(self, query: sa.Select[Any]) -> list[OutboxRow]:
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return [
            OutboxRow(
                **{
                    **row,
                    "payload": orjson.loads(row["payload"]),
                    "delivery": Delivery(row["delivery"]),
                }
            )
            for row in rows
        ]
