"""The seed data: human-written pairs that everything starts from (Li et al. 2023, section 2.1).

Takes any source of tables (`humpback.data_access.rows`), in any of the usual layouts. Gives normalised, distinct
`Pair`s and, for every other record, why it was dropped; splits the pairs into a part to train on and a held-out part.
Refuses a source that is missing, unreadable, without usable columns, without a single pair, or too small to split.
"""

from humpback.seed.pairs import Split, first_pairs, hold_out, read_pairs, read_seed, source_digest

__all__ = ["Split", "first_pairs", "hold_out", "read_pairs", "read_seed", "source_digest"]
