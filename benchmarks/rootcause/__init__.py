"""How often a diagnosis names the true cause, beside simple methods on the same Worlds."""
