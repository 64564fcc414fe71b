"""A document of any format to a tree of sections with Markdown text; of a web page the main content alone."""
