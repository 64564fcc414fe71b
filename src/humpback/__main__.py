"""`python -m humpback`: the command line."""

from humpback.cli.main import main

main()
