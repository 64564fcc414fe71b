"""What may become a segment: the filters that a piece must pass, personal data, and addresses that are not read."""
