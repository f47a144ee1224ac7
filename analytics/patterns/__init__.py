"""Costly habits that show in traces: each pattern is a module with one function from traces to findings."""
