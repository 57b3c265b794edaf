"""What trains networks: the loop, the optimizer, batches of runs."""
