"""What may become a segment: the rules a piece must pass, and what is masked or taken off it before."""
