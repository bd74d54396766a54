"""What each peer of `benchmarks.bench` runs, in its own environment: the same model behind another server."""
