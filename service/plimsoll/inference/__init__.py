"""The straight line of a request: select a version, reserve rows, run the model. Knows no HTTP, torch or settings."""
