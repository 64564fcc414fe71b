"""Web archives (WARC, WET): the records in bytes that may be damaged, and the pages in the records."""
