"""A document's tree of sections to pieces: candidate segments that do not overlap and are not judged yet."""
