"""``python -m contravox``, and ``torchrun … -m contravox`` for several devices."""

from contravox.cli import main

if __name__ == "__main__":
    main()
