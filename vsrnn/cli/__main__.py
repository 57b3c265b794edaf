"""``python -m vsrnn.cli`` does what ``vsrnn`` does."""

import sys

from vsrnn.cli import main

if __name__ == "__main__":
    sys.exit(main())
