"""A small shop of real processes, instrumented by hand with the OpenTelemetry SDK."""
