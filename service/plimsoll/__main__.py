"""`python -m plimsoll` is the `plimsoll` command."""

from plimsoll.cli import main

if __name__ == "__main__":
    main()
