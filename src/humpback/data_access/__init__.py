"""Tables of the user and records of ours: reading and writing rows in the usual formats."""
