"""The signals as Arrow schemas, in OpenTelemetry's words. This is the documented, stable storage schema.

Times are Unix ns (int64), durations ns. Text columns that repeat are dictionary-encoded in memory and plain
strings on disk. `resource_id` refers to the `resources` table, so that resource attributes are kept once.
Attribute values are text: strings as they came, numbers in decimal, booleans `true`/`false`, arrays and maps as
JSON, bytes as base64.
"""

from __future__ import annotations

import pyarrow as pa

TEXT = pa.string()
ATTRIBUTES = pa.map_(pa.string(), pa.string())
TIME = pa.int64()

# Span kinds as written in the `kind` column, by OTLP enum value.
SPAN_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
SPAN_STATUSES = ("UNSET", "OK", "ERROR")
# OTLP severity numbers 1-24 in steps of four.
SEVERITIES = ("UNSPECIFIED", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
METRIC_TYPES = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
TEMPORALITIES = ("UNSPECIFIED", "DELTA", "CUMULATIVE")
# sync: the caller waits; async: messages; link: a span link between two traces.
EDGE_KINDS = ("sync", "async", "link")
NODE_TYPES = ("service", "database", "queue", "external", "entry")
EVENT_KINDS = ("deploy", "config", "scale", "restart", "oom", "probe", "flag", "audit", "other", "commit", "alert")

SPANS = pa.schema(
    [
        ("trace_id", pa.binary()),  # 16 bytes
        ("span_id", pa.binary()),  # 8 bytes
        ("parent_span_id", pa.binary()),  # null for a root
        ("service", TEXT),
        ("operation", TEXT),
        ("kind", TEXT),
        ("start_ns", TIME),
        ("duration_ns", pa.int64()),
        ("status", TEXT),
        ("status_message", TEXT),
        ("instance", TEXT),
        ("version", TEXT),
        ("peer_service", TEXT),  # who a CLIENT, PRODUCER or CONSUMER span talks to, where it says so
        ("peer_address", TEXT),
        ("peer_type", TEXT),  # database, queue, external; null when the span does not say
        ("protocol", TEXT),  # http, grpc, postgresql, kafka, ...
        ("resource_id", pa.int64()),
        ("scope", TEXT),
        ("trace_state", TEXT),
        ("adjusted_count_milli", pa.int64()),  # how many spans it stands for, in thousandths; null: itself (1000)
        ("attributes", ATTRIBUTES),
        (
            "events",
            pa.list_(pa.struct([("time_ns", TIME), ("name", TEXT), ("attributes", ATTRIBUTES)])),
        ),
        (
            "links",
            pa.list_(pa.struct([("trace_id", pa.binary()), ("span_id", pa.binary()), ("attributes", ATTRIBUTES)])),
        ),
    ]
)

LOGS = pa.schema(
    [
        ("time_ns", TIME),  # event time; the observed time where the record has none
        ("observed_ns", TIME),
        ("service", TEXT),
        ("instance", TEXT),
        ("severity", TEXT),  # one of SEVERITIES
        ("severity_number", pa.int8()),
        ("body", TEXT),
        ("event_name", TEXT),
        ("template_id", pa.int64()),
        ("trace_id", pa.binary()),
        ("span_id", pa.binary()),
        ("resource_id", pa.int64()),
        ("scope", TEXT),
        ("attributes", ATTRIBUTES),
        ("ordinal", pa.int32()),  # tells apart records that are equal in everything else within one request
    ]
)

SERIES = pa.schema(
    [
        ("series_id", pa.int64()),
        ("name", TEXT),
        ("unit", TEXT),
        ("type", TEXT),  # one of METRIC_TYPES
        ("temporality", TEXT),
        ("monotonic", pa.bool_()),
        ("service", TEXT),
        ("instance", TEXT),
        ("resource_id", pa.int64()),
        ("description", TEXT),
        ("attributes", ATTRIBUTES),
        ("first_ns", TIME),
    ]
)

SAMPLES = pa.schema(
    [
        ("series_id", pa.int64()),
        ("time_ns", TIME),
        ("start_ns", TIME),  # null where not given; a later start means a reset
        ("value", pa.float64()),  # NaN for "no recorded value" (staleness)
    ]
)

# Histogram, exponential histogram and summary points, as they came.
HISTOGRAMS = pa.schema(
    [
        ("series_id", pa.int64()),
        ("time_ns", TIME),
        ("start_ns", TIME),
        ("count", pa.int64()),
        ("sum", pa.float64()),
        ("min", pa.float64()),
        ("max", pa.float64()),
        ("bounds", pa.list_(pa.float64())),  # explicit upper bounds; quantiles of a summary
        ("counts", pa.list_(pa.float64())),  # per bucket, not cumulative; values of a summary's quantiles
        ("scale", pa.int32()),  # exponential only, as the next six
        ("zero_count", pa.int64()),
        ("zero_threshold", pa.float64()),
        ("positive_offset", pa.int32()),
        ("positive_counts", pa.list_(pa.int64())),
        ("negative_offset", pa.int32()),
        ("negative_counts", pa.list_(pa.int64())),
    ]
)

EXEMPLARS = pa.schema(
    [
        ("series_id", pa.int64()),
        ("time_ns", TIME),
        ("value", pa.float64()),
        ("trace_id", pa.binary()),
        ("span_id", pa.binary()),
        ("attributes", ATTRIBUTES),
    ]
)

EVENTS = pa.schema(
    [
        ("time_ns", TIME),
        ("kind", TEXT),  # one of EVENT_KINDS
        ("entity", TEXT),  # the service, instance or node it happened to
        ("service", TEXT),
        ("instance", TEXT),
        ("reason", TEXT),
        ("message", TEXT),
        ("attributes", ATTRIBUTES),
    ]
)

RESOURCES = pa.schema(
    [
        ("resource_id", pa.int64()),
        ("service", TEXT),
        ("instance", TEXT),
        ("version", TEXT),
        ("attributes", ATTRIBUTES),
        ("first_ns", TIME),
    ]
)

# Rollups: additive rows per slot of ROLLUP_STEP_NS (`slot_ns` is its start). Any window's counts, error ratio,
# mean and quantiles are a SUM over rows; a row may be negative where later data corrects an earlier reading. Sums of
# times stand in rows of bucket 0 that count no call: they would cost ten times the space if kept by bucket.
_COUNTS = [
    ("latency_bucket", pa.int16()),
    ("calls", pa.int64()),
    ("errors", pa.int64()),
    ("duration_ns_sum", pa.int64()),
]

EDGES = pa.schema(
    [
        ("slot_ns", TIME),
        ("caller", TEXT),
        ("caller_type", TEXT),  # one of NODE_TYPES
        ("callee", TEXT),
        ("callee_type", TEXT),
        ("kind", TEXT),  # one of EDGE_KINDS
        ("protocol", TEXT),
        *_COUNTS,
        ("gap_calls", pa.int64()),  # calls whose client span is known
        ("gap_ns_sum", pa.int64()),  # sum of client duration minus server duration over them
        ("estimated_milli", pa.int64()),  # calls before sampling, in thousandths; beside `calls`
        ("lag_calls", pa.int64()),  # messages whose producer's span is known
        ("lag_ns_sum", pa.int64()),  # sum of consumer start minus producer end over them, each at least 0
    ]
)

# One row per pair of operations and minute: the request in which the caller asked, and what it asked for. A chain of
# calls can be followed from row to row. A callee that sends no spans has the name of the caller's client span; queues
# have no operations ("").
CALLS = pa.schema(
    [
        ("slot_ns", TIME),  # whole minutes
        ("caller", TEXT),
        ("caller_operation", TEXT),  # of the inbound span around the client span; its own where that is unknown
        ("callee", TEXT),
        ("callee_operation", TEXT),
        ("kind", TEXT),  # one of EDGE_KINDS
        ("calls", pa.int64()),
        ("errors", pa.int64()),
        ("estimated_milli", pa.int64()),
        ("duration_ns_sum", pa.int64()),
    ]
)

# One row per pair of instances and minute. Peers that send no spans have instance "" and version null.
INSTANCE_CALLS = pa.schema(
    [
        ("slot_ns", TIME),  # whole minutes
        ("caller", TEXT),
        ("caller_instance", TEXT),
        ("caller_version", TEXT),
        ("callee", TEXT),
        ("callee_instance", TEXT),
        ("callee_version", TEXT),
        ("kind", TEXT),  # one of EDGE_KINDS
        ("calls", pa.int64()),
        ("errors", pa.int64()),
        ("duration_ns_sum", pa.int64()),
    ]
)

# One row per operation of a service, over all its spans; `inbound` marks requests that reach the service from
# outside (RED is over those), `entry` those of them that nobody calls (roots).
OPERATIONS = pa.schema(
    [
        ("slot_ns", TIME),
        ("service", TEXT),
        ("operation", TEXT),
        ("kind", TEXT),
        ("inbound", pa.bool_()),
        ("entry", pa.bool_()),
        *_COUNTS,
        ("self_ns_sum", pa.int64()),  # duration less the durations of synchronous children
    ]
)

# Requests per instance (inbound spans), and how many spans of any kind it sent.
INSTANCES = pa.schema(
    [
        ("slot_ns", TIME),
        ("service", TEXT),
        ("instance", TEXT),
        ("version", TEXT),
        *_COUNTS,
        ("spans", pa.int64()),
    ]
)

COVERAGE = pa.schema(
    [
        ("slot_ns", TIME),
        ("service", TEXT),
        ("spans", pa.int64()),
        ("roots", pa.int64()),
        ("linked", pa.int64()),  # spans whose parent is known; spans - roots - linked are orphans
        ("skewed", pa.int64()),  # linked spans that start before their parent
        ("roots_shared", pa.int64()),  # roots that share their trace with another root of the same minute
        ("clients", pa.int64()),  # spans of kind CLIENT
        ("clients_answered", pa.int64()),  # those of them that a span of another service, or a SERVER span, answers
        ("servers", pa.int64()),  # spans of kind SERVER or CONSUMER
        ("servers_called", pa.int64()),  # those of them whose parent is known
        ("server_roots", pa.int64()),  # those of them without a parent; what then remains are orphans
        ("links", pa.int64()),  # span links to other traces
        ("links_found", pa.int64()),  # those of them whose linked span is known
        ("sampled", pa.int64()),  # spans that stand for more than themselves
        ("estimated_milli", pa.int64()),  # spans before sampling, in thousandths
    ]
)

LOG_COUNTS = pa.schema(
    [
        ("slot_ns", TIME),
        ("service", TEXT),
        ("severity", TEXT),
        ("template_id", pa.int64()),
        ("lines", pa.int64()),
    ]
)

LOG_TEMPLATES = pa.schema(
    [
        ("entry_id", pa.int64()),  # of the row: what it says of a template, hashed
        ("template_id", pa.int64()),
        ("now_id", pa.int64()),  # the template that absorbed it; itself where none did
        ("version", pa.int32()),  # how often it was widened, from 1
        ("template", TEXT),  # with <*> where values stand; of the absorbing one where there is one
        ("first_ns", TIME),  # of the oldest line of the request that told of it
    ]
)

ROLLUP_STEP_NS = 10_000_000_000
CALLS_STEP_NS = 60_000_000_000  # of rollup_calls and rollup_instance_calls

# Every table of the store: its schema and the column that says when.
TABLES: dict[str, tuple[pa.Schema, str]] = {
    "spans": (SPANS, "start_ns"),
    "logs": (LOGS, "time_ns"),
    "samples": (SAMPLES, "time_ns"),
    "histograms": (HISTOGRAMS, "time_ns"),
    "exemplars": (EXEMPLARS, "time_ns"),
    "events": (EVENTS, "time_ns"),
    "series": (SERIES, "first_ns"),
    "resources": (RESOURCES, "first_ns"),
    "log_templates": (LOG_TEMPLATES, "first_ns"),
    "rollup_edges": (EDGES, "slot_ns"),
    "rollup_calls": (CALLS, "slot_ns"),
    "rollup_instance_calls": (INSTANCE_CALLS, "slot_ns"),
    "rollup_operations": (OPERATIONS, "slot_ns"),
    "rollup_instances": (INSTANCES, "slot_ns"),
    "rollup_coverage": (COVERAGE, "slot_ns"),
    "rollup_logs": (LOG_COUNTS, "slot_ns"),
}
