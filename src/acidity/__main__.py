"""``python -m acidity``."""

from __future__ import annotations

from acidity.cli.main import main

main()
