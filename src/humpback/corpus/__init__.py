"""Documents to self-contained segments, the responses y of the paper (section 2.1).

The modules here are the steps, in this order: `readers` reads documents, `cut` makes segments of them, `lines` and
`duplicates` remove what only the whole corpus shows; `explain` says what the first two do to one document. The rooms
hold their parts. Nothing is lost silently: what does not become a segment is a `Dropped` with a reason.
"""
