"""Semantic search over documents, with embeddings that Plimsoll computes."""
