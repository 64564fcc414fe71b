"""Where data comes from and how it is laid out, the same for seed, documents, pairs, labels and prompts.

    sources           what a name means: files, folders, globs, URLs, data sets -> SourceFile
    source_file       one file: opened, decompressed, recognised when it has changed
    tables            rows of JSONL, JSON, CSV, TSV, Parquet and Arrow files, in bounded memory
    rows              every row of a source, or one line that says what is wrong with it
    record_tables     record types of ours as Parquet and JSONL files
    atomic            files and folders that appear only when they are complete

A source is refused where it is not there, is a run folder, or holds nothing that is read.
"""
