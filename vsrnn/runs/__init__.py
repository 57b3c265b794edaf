"""Runs: what decides one, what it gave, where it is kept, and many of them."""
