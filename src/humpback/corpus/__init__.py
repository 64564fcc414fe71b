"""Documents to self-contained segments, the responses y of the paper (section 2.1).

Takes the user's files (`readers`), parses each into a tree of sections (`extract`), cuts the tree into candidates that
do not overlap (`segments`) and judges them (`filters`); `cut` does the last three for one window of documents. Refuses
nothing silently: whatever does not become a segment is a `Dropped` with a reason that can be counted.
"""
