"""The service and its plain reference, asked the same: every body has to get the same answer from both.

`reference_v1` among the doubles says what is right. `spellings`, `texts` and `cases` make requests, `pair` puts them to
both applications, `comparison` says what "the same" means, and `mutants` prove that a difference is seen. 10 000 cases
are part of `make test`; `make differential` runs as many as one likes.
"""
