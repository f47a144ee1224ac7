"""`python -m causeway`, as the supervisor starts its children."""

from causeway.cli import main

main()
