"""The shop, declared once: services, instances, operations, what each does and how long it takes.

The running services interpret these declarations, and the generated history is drawn from them, so that both
look alike. Own times are log-normal: a median and a spread.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

ENVIRONMENT = "demo"
NAMESPACE = "shop"
SCOPE = "causeway.demo.shop"
HOST = "127.0.0.1"
PRODUCTS = range(100, 1000)
QUEUE = "order.placed"
BROKER = "broker"
METRICS_EVERY_S = 10.0
# The bucket bounds that the semantic conventions advise for http.server.request.duration, in seconds.
DURATION_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
# What clients allow for an answer, and wait before they try another instance.
CALL_TIMEOUT_S = 4.0
RETRY_PAUSE_S = 0.25
ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Duration:
    """A log-normal time: its median, and the standard deviation of its logarithm."""

    median_ms: float
    spread: float = 0.25


@dataclass(frozen=True, slots=True)
class Call:
    """Ask another service. An optional answer may be missing: the caller goes on without it."""

    operation: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """Ask the database of the service; `took` is what the query costs beyond SQLite's own time."""

    verb: str
    table: str
    sql: str
    took: Duration


@dataclass(frozen=True, slots=True)
class Publish:
    """Put a message into the queue."""

    queue: str = QUEUE


Step = Call | Query | Publish


@dataclass(frozen=True, slots=True)
class Operation:
    """What a service does for one kind of request; `says` is its log line, with the request's parameters."""

    name: str
    service: str
    method: str
    route: str
    own: Duration
    steps: tuple[Step, ...] = ()
    says: str = ""

    @property
    def title(self) -> str:
        """The name of its server spans."""
        return f"{self.method} {self.route}"


@dataclass(frozen=True, slots=True)
class Service:
    """A service with so many instances; `database` is the name its queries go to."""

    name: str
    version: str
    instances: int = 1
    database: str | None = None


@dataclass(frozen=True, slots=True)
class Journey:
    """What a customer does at the shop's entry, and how often among all journeys."""

    operation: str
    weight: float


SERVICES = (
    Service("web", "3.8.1"),
    Service("catalog", "2.11.0", instances=2, database="catalog-db"),
    Service("recommendations", "1.6.2"),
    Service("cart", "1.9.4"),
    Service("checkout", "2.3.1"),
    Service("shipping", "1.2.7"),
    Service("payment", "4.0.3", instances=2),
    Service("orders", "2.5.0", database="orders-db"),
    Service("mailer", "1.1.0"),
)

_PRODUCT_SQL = "SELECT id, name, price_cents, stock FROM products WHERE id = ?"
_LIST_SQL = "SELECT id, name, price_cents FROM products WHERE stock > 0 ORDER BY rank LIMIT 24"
_ORDER_SQL = "INSERT OR REPLACE INTO orders (id, customer, total_cents, placed_at) VALUES (?, ?, ?, ?)"

OPERATIONS = (
    Operation("web.home", "web", "GET", "/", Duration(6.0), (Call("recommendations.list"), Call("catalog.list")),
              "Rendered home page for customer {user}"),
    Operation("web.product", "web", "GET", "/product/{id}", Duration(5.0),
              (Call("catalog.get"), Call("recommendations.similar")), "Rendered page of product {id}"),
    Operation("web.add_to_cart", "web", "POST", "/cart/{user}/{id}", Duration(4.0), (Call("cart.add"),),
              "Customer {user} put product {id} into the cart"),
    Operation("web.checkout", "web", "POST", "/checkout/{user}", Duration(8.0), (Call("checkout.place"),),
              "Checkout of customer {user} completed"),
    Operation("catalog.list", "catalog", "GET", "/products", Duration(4.0),
              (Query("SELECT", "products", _LIST_SQL, Duration(6.0)),)),
    Operation("catalog.get", "catalog", "GET", "/products/{id}", Duration(3.0),
              (Query("SELECT", "products", _PRODUCT_SQL, Duration(4.0)),), "Read product {id} from catalog-db"),
    Operation("recommendations.list", "recommendations", "GET", "/recommendations", Duration(14.0),
              (Call("catalog.list"),), "Ranked 24 candidates for customer {user}"),
    Operation("recommendations.similar", "recommendations", "GET", "/recommendations/{id}", Duration(10.0),
              (Call("catalog.get"),), "Found similar products for product {id}"),
    Operation("cart.add", "cart", "POST", "/carts/{user}/items/{id}", Duration(6.0), (Call("catalog.get"),),
              "Added product {id} to cart of customer {user}"),
    Operation("cart.get", "cart", "GET", "/carts/{user}", Duration(5.0)),
    Operation("cart.clear", "cart", "DELETE", "/carts/{user}", Duration(4.0), (), "Emptied cart of customer {user}"),
    Operation("checkout.place", "checkout", "POST", "/checkouts/{user}", Duration(10.0),
              (Call("cart.get"), Call("shipping.quote"), Call("payment.charge"), Call("orders.create"),
               Call("cart.clear")), "Placed order {order} for customer {user}"),
    Operation("shipping.quote", "shipping", "POST", "/quotes/{user}", Duration(16.0), (),
              "Quoted parcel for customer {user}, carrier DHL"),
    Operation("payment.charge", "payment", "POST", "/charges/{order}", Duration(28.0), (),
              "Charged card of customer {user} for order {order}"),
    Operation("orders.create", "orders", "POST", "/orders/{order}", Duration(7.0),
              (Query("INSERT", "orders", _ORDER_SQL, Duration(8.0)), Publish()), "Stored order {order}"),
    Operation("mailer.confirm", "mailer", "", QUEUE, Duration(22.0), (),
              "Sent confirmation of order {order} to customer {user}"),
)  # fmt: skip

JOURNEYS = (
    Journey("web.home", 0.35),
    Journey("web.product", 0.30),
    Journey("web.add_to_cart", 0.20),
    Journey("web.checkout", 0.15),
)
REQUESTS_PER_S = 8.0
# A publish is a write to the broker over loopback; a confirmation is taken from the queue soon after.
PUBLISH = Duration(1.2, 0.3)
QUEUE_WAIT = Duration(2.5, 0.5)

_BY_NAME = {operation.name: operation for operation in OPERATIONS}


def operation(name: str) -> Operation:
    """The operation of that name, such as `cart.add`."""
    return _BY_NAME[name]


def service(name: str) -> Service:
    """The service of that name."""
    return next(each for each in SERVICES if each.name == name)


def operations_of(service_name: str) -> tuple[Operation, ...]:
    """The operations a service offers."""
    return tuple(each for each in OPERATIONS if each.service == service_name)


def instance_id(service_name: str, version: str, number: int) -> str:
    """`catalog-5f1c2-1`: as with a replica set, a new version makes new names."""
    digest = hashlib.sha256(f"{service_name} {version}".encode()).hexdigest()[:5]
    return f"{service_name}-{digest}-{number}"


def resource_attributes(service_name: str, version: str, number: int) -> dict[str, str]:
    """The resource of an instance, live and in the generated history."""
    return {
        "service.name": service_name,
        "service.namespace": NAMESPACE,
        "service.version": version,
        "service.instance.id": instance_id(service_name, version, number),
        "deployment.environment.name": ENVIRONMENT,
    }
