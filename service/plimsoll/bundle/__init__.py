"""Model bundles on disk: manifest, digests, creation. Knows no torch; running a model is the runtime's."""
