"""How many listeners of SQLAlchemy's events are acidity's own, for whoever asks whether a program listens.

SQLAlchemy wraps some listeners, so whose they are cannot be read off them: whoever of acidity listens to every engine
of the process says so here.
"""

from __future__ import annotations

from collections import Counter

OWN_LISTENERS: Counter[str] = Counter()  # event → how many, on each engine
