// Sends a few spans, metrics and log records with the official SDK to the OTLP/HTTP address in argv[2], as any
// instrumented Node service would, and prints what it sent as JSON.
import { SpanKind, SpanStatusCode, context, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const base = process.argv[2];
const compression = process.argv[3] ?? "none";
const resource = resourceFromAttributes({
  "service.name": "cart-js",
  "service.version": "2.1.0",
  "k8s.pod.name": "cart-js-0",
});
const to = (path) => ({ url: `${base}/v1/${path}`, compression });

const tracing = new NodeTracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter(to("traces")))],
});
const tracer = tracing.getTracer("causeway-test", "1.0.0");
const server = tracer.startSpan("GET /cart/{id}", { kind: SpanKind.SERVER, attributes: { "http.route": "/cart/{id}" } });
const inServer = trace.setSpan(context.active(), server);
const client = tracer.startSpan(
  "GET",
  {
    kind: SpanKind.CLIENT,
    attributes: {
      "server.address": "price.shop.svc",
      "url.full": "http://price.shop.svc:8080/v1/prices",
      "http.response.status_code": 503,
      "app.share": 0.25,
      "app.cached": false,
      "app.tags": ["a", "价格"],
    },
    links: [{ context: server.spanContext(), attributes: { why: "test" } }],
  },
  inServer,
);
client.recordException(new Error("no price"));
client.setStatus({ code: SpanStatusCode.ERROR, message: "no price" });
client.end();
server.end();

const metering = new MeterProvider({
  resource,
  readers: [
    new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(to("metrics")), exportIntervalMillis: 60_000 }),
  ],
});
const meter = metering.getMeter("causeway-test");
meter.createCounter("cart.items", { unit: "{item}", description: "Items put in" }).add(3, { kind: "book" });
meter.createGauge("cart.load").record(0.5);
const waits = meter.createHistogram("cart.wait", { unit: "ms" });
[1, 7, 30].forEach((wait) => waits.record(wait));

const logging = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter(to("logs")) })] });
const logger = logging.getLogger("causeway-test");
logger.emit({
  severityNumber: SeverityNumber.WARN,
  severityText: "WARN",
  body: "no price for 价格",
  attributes: { attempt: 2 },
  context: inServer,
});
logger.emit({ severityNumber: SeverityNumber.INFO, body: { reason: "price", left: [1, 2] } });

await Promise.all([tracing.forceFlush(), metering.forceFlush(), logging.forceFlush()]);
await Promise.all([tracing.shutdown(), metering.shutdown(), logging.shutdown()]);
console.log(JSON.stringify({ traceId: server.spanContext().traceId, spanId: client.spanContext().spanId, parentId: server.spanContext().spanId }));
