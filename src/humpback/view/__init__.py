"""A local page on runs: look, label, mend, compare. `humpback view`.

`index` makes the records of a run findable, `query` finds them, `story` tells all of one. `app` says what is at which
address, `access` who may see it, `blind` compares answers, `serve` opens the page or writes its looking part as files.
Texts of others are shown by `texts` alone.
"""
