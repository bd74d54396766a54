"""The service and its plain reference, asked the same: every body has to get the same answer from both.

`reference_v1` among the doubles says what is right. `texts` and `cases` make requests as text and bytes, `pair` puts
them to both, `comparison` says what "the same" means. 10 000 cases are part of `make test`; `make differential` runs as
many as one likes.
"""
