"""`python -m service` is the `plimsoll` command."""

from service.cli import main

if __name__ == "__main__":
    main()
