"""``python -m acidity``, and where the command begins: a Ctrl-C may come while the command line is still imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        from acidity.cli.main import main as run
    except KeyboardInterrupt:
        sys.stderr.write("acidity: interrupted\n")
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
