"""Where documents come from: files, folders, URLs, data sets; each to documents, in bounded memory.

Takes the user's settings, gives documents, and a `Dropped` with a reason for what is none. Which reader takes which
ending is looked up in `readers.READERS`.
"""
