"""A crawl with known answers: what its pages say, what was planted in it, and the score of whoever cleans it."""
