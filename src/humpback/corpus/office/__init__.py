"""EPUB, DOCX, PPTX, XLSX, PDF and IPYNB files, converted to Markdown in a process of their own."""
