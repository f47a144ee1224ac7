"""Recorded telemetry, sent again through the real intake."""
