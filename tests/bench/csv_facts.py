"""The facts of our CSV profile, by pandas: a line on standard input is one measurement of the file FILE names.

The answer is a line of JSON: the milliseconds, what the process holds at its most (MiB), and the facts.
"""

import json
import os
import resource
import sys
from time import perf_counter

import numpy as np
import pandas as pd


def facts_of(column):
    facts = {"missing": int(column.isna().sum())}
    if not pd.api.types.is_numeric_dtype(column):
        # The usual guess: a column of which the first values are dates is read as dates.
        try:
            pd.to_datetime(column.head(100), format="ISO8601")
            column = pd.to_datetime(column, format="ISO8601")
        except (ValueError, TypeError):
            pass
    facts["type"] = str(column.dtype)
    facts["distinct"] = int(column.nunique())
    facts["top_values"] = {str(value): int(count) for value, count in column.value_counts().head(10).items()}
    facts["min"], facts["max"] = str(column.min()), str(column.max())
    if pd.api.types.is_numeric_dtype(column):
        facts["mean"] = float(column.mean())
        quantiles = column.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
        facts["quantiles"] = {str(share): float(value) for share, value in quantiles.items()}
        counts, edges = np.histogram(column.dropna(), bins=20)
        facts["histogram"] = {"counts": counts.tolist(), "bin_edges": edges.tolist()}
    return facts


def profile(file):
    table = pd.read_csv(file)
    return {"rows": len(table), "columns": {name: facts_of(table[name]) for name in table.columns}}


for _ in sys.stdin:
    begun = perf_counter()
    facts = profile(os.environ["FILE"])
    milliseconds = (perf_counter() - begun) * 1000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"milliseconds": milliseconds, "peak_mib": peak, **facts}), flush=True)
