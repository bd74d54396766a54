"""The model `pair` behind other servers, in the way of each, for the runs of the matrix; no part of the suite."""
