"""`python -m humpback`: the command line."""

from humpback.cli import main

main()
