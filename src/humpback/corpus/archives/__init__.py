"""Web archives (WARC, WET): records found in bytes that may be damaged, and the pages in them."""
