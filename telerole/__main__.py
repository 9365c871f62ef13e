"""``python -m telerole``: the command line."""

from telerole.cli import main

if __name__ == "__main__":
    main()
