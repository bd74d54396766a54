"""Sizes that bound the memory and the time of one request."""

TEXT_CHARACTERS = 10_000
ID_CHARACTERS = 200
DOCUMENTS_A_REQUEST = 100
RESULTS = 100
PAGE = 100
METADATA_FIELDS = 32
METADATA_KEY_CHARACTERS = 64
METADATA_VALUE_CHARACTERS = 500
FILTER_VALUES = 32
LARGEST_INTEGER = 2**53
"""Integers above this are not exact in every JSON reader."""
BODY_BYTES = 8 * 1024 * 1024
BODY_SECONDS = 30
TEXTS_A_CALL = 50
"""Texts in one request to Plimsoll, whose batches have at most 100 rows."""
CALLS_AT_ONCE = 16
REQUESTS_AT_ONCE = 32
"""Fewer than the 40 threads of the server, so that the probes always find a thread."""
