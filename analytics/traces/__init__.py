"""Single traces, many at once: their trees, their critical paths, their shapes."""
