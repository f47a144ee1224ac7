"""Log templates: the miner, its rules and its memory. What the counts mean is judged in `analytics.logtemplates`."""
