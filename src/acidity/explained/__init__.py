"""What each code means to somebody who meets it: an `Explanation`, with a program that has it and one put right.

The page of a code, ``docs/codes/`` and ``acidity explain`` are all made from these values and from `core.codes`.
"""

from __future__ import annotations

from collections.abc import Mapping

from acidity.explained.crash import OF_CRASH
from acidity.explained.drill import OF_DRILL
from acidity.explained.explanation import Explanation
from acidity.explained.explore import OF_EXPLORE

EXPLANATIONS: Mapping[str, Explanation] = {each.code.name: each for each in (*OF_DRILL, *OF_EXPLORE, *OF_CRASH)}
