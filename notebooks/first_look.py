# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A first look
#
# Who is there, who calls whom, what matters, what is slow, and what broke. Set `SOURCE` to a data folder
# (`make demo` writes `demo-data`) or to the address of a running Causeway, and the times as on the command line.

# %% tags=["parameters"]
SOURCE = "demo-data"
START = "-15m"
END = "now"

# %%
import matplotlib.pyplot as plt
import pandas as pd

import causeway
from causeway.client import hypotheses
from causeway.messages import text

pd.set_option("display.max_colwidth", 120, "display.width", 160)
shop = causeway.connect(SOURCE) if SOURCE.startswith("http") else causeway.open(SOURCE)

# %% [markdown]
# ## Who is there

# %%
shop.services(START, END)

# %% [markdown]
# ## Who calls whom
#
# Databases, queues and external hosts that send nothing themselves are there too: the spans of their callers name them.

# %%
graph = shop.graph(START, END)
graph.edges[["caller", "callee", "kind", "protocol", "calls", "error_ratio", "latency_ms_p50", "latency_ms_p99"]]

# %%
network = graph.to_networkx()
entries = [node for node in network if network.in_degree(node) == 0]
print(f"{len(network)} nodes, {network.number_of_edges()} edges; entered at {', '.join(entries)}")
print(f"{graph.coverage['linked']:,} of {graph.coverage['spans']:,} spans have a known parent")

# %% [markdown]
# ## What matters

# %%
shop.impact(START, END)[["service", "type", "impact", "fan_in_transitive", "fan_out_transitive", "entry_share"]]

# %% [markdown]
# ## The slowest requests
#
# The spans without a parent are the requests of users. All spans of the slowest one, in order:

# %%
spans = shop.spans(START, END, limit=200_000)
roots = spans[spans["parent_span_id"].isna()].nlargest(10, "duration_ms")
roots[["start", "service", "operation", "duration_ms", "status", "trace_id"]]

# %%
slowest = spans[spans["trace_id"].isin(roots["trace_id"].head(1))].sort_values("start")
slowest[["service", "operation", "kind", "duration_ms", "status"]]

# %% [markdown]
# ## What broke
#
# A diagnosis compares the window with the hour before it. "No anomaly" and "no clear cause" are answers too.

# %%
diagnosis = shop.diagnose(START, END)
print(diagnosis.verdict, "-", text(diagnosis.summary))
hypotheses(diagnosis)[["rank", "entity", "family", "confidence", "summary"]]

# %%
for family, sentences in hypotheses(diagnosis).head(1)[["for", "against"]].items():
    for sentence in sentences.explode().dropna():
        print(f"{family:>8}: {sentence}")

# %% [markdown]
# ## One picture
#
# Median and 99th percentile of users' requests, ten seconds at a time.

# %%
users = spans[spans["parent_span_id"].isna()].set_index("start")["duration_ms"]
latency = users.resample("10s").quantile([0.5, 0.99]).unstack()
axes = latency.plot(title="Latency of users' requests", xlabel="", ylabel="ms", ylim=(0, None), grid=True)
axes.legend(["median", "p99"])
if diagnosis.onset_ns is not None:
    axes.axvline(pd.Timestamp(diagnosis.onset_ns, tz="UTC"), color="tab:red", linestyle="--")
plt.show()

# %%
shop.close()
