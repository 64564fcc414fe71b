"""EPUB, DOCX and PDF files, converted to Markdown in a process of their own."""
