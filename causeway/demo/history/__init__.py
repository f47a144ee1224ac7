"""A past for the shop, drawn from the same plan that the running services follow, and marked as generated."""
