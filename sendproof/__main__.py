"""`python -m sendproof` is the command `sendproof`."""

from sendproof.cli import main

if __name__ == "__main__":
    main()
