"""``python -m vsrnn.cli`` does what ``vsrnn`` does."""

import sys
from pathlib import Path

import vsrnn

# Python looks into the working folder first: for this package, but for no other
here = Path(sys.path[0] or ".").resolve()
if not sys.flags.safe_path and here != Path(vsrnn.__file__).parents[1]:
    del sys.path[0]

from vsrnn.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
