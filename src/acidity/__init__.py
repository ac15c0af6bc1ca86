"""acidity — prove your transactions.

Run your own function on a real database through every failure, and read from the rows whether it is atomic.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
