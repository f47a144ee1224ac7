"""The customers: a steady, jittered, seeded stream of journeys, sent whether or not the shop keeps up."""

from __future__ import annotations

import http.client
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from causeway.demo.shop import plan
from causeway.demo.shop.plan import HOST, PRODUCTS

TIMEOUT_S = 6.0
IN_FLIGHT_MAX = 24
JITTER = 0.5
WARM_UP_ROUNDS = 3


def run(port: int, *, per_s: float, seed: int, stop: threading.Event) -> None:
    """Send journeys at the rate until told to stop; those beyond IN_FLIGHT_MAX are given up."""
    chance = random.Random(seed)
    places = threading.BoundedSemaphore(IN_FLIGHT_MAX)
    _warm_up(port, chance)
    due = time.monotonic()
    with ThreadPoolExecutor(IN_FLIGHT_MAX) as pool:
        while not stop.wait(max(0.0, due - time.monotonic())):
            due += chance.uniform(1 - JITTER, 1 + JITTER) / per_s
            method, path = journey(chance)
            if places.acquire(blocking=False):
                pool.submit(_visit, port, method, path, places)


def journey(chance: random.Random) -> tuple[str, str]:
    """Method and path of one journey drawn by weight."""
    weights = [each.weight for each in plan.JOURNEYS]
    operation = plan.operation(chance.choices(plan.JOURNEYS, weights)[0].operation)
    user, product = f"u{chance.randrange(1000, 10_000)}", chance.choice(PRODUCTS)
    return operation.method, operation.route.format(user=user, id=product)


def _warm_up(port: int, chance: random.Random) -> None:
    """A few journeys outside every trace, so that first-time costs are not taken for trouble."""
    unsampled = {"traceparent": f"00-{chance.getrandbits(128) | 1:032x}-{chance.getrandbits(64) | 1:016x}-00"}
    for _ in range(WARM_UP_ROUNDS):
        for each in plan.JOURNEYS:
            operation = plan.operation(each.operation)
            _request(port, operation.method, operation.route.format(user="u1000", id=100), unsampled)


def _visit(port: int, method: str, path: str, places: threading.BoundedSemaphore) -> None:
    try:
        _request(port, method, path, {})
    finally:
        places.release()


def _request(port: int, method: str, path: str, headers: dict[str, str]) -> int | None:
    connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return None  # a customer who gives up; the shop's own telemetry shows why
    finally:
        connection.close()
    return response.status
