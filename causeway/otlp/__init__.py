"""OTLP as a client speaks it: bytes by hand, and a sender with several requests in flight."""
