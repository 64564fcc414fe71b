"""A document's tree of sections to candidate segments that do not overlap."""
