"""``python -m contravox``."""

from contravox.cli import main

if __name__ == "__main__":
    main()
