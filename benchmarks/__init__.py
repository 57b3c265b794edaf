"""Measures how fast networks train: `python -m benchmarks`, or `make bench`.

The plan says which cases are measured, a worker process measures each of them, and
the table that comes out is `results/bench.csv`, which the book shows.
"""
