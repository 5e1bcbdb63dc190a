"""Candles of 1 s to 1 month from the trades of the feed: rings of fixed size, kernels only; older ones as Parquet."""
