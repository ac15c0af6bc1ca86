"""How much work something is, counted in calls: the same on every machine."""

import sys
from collections import Counter


def calls_of(work):
    """How many functions are called until `work` is done."""
    counted = Counter()
    there = sys.getprofile()
    sys.setprofile(lambda frame, event, of: counted.update([event]))
    try:
        work()
    finally:
        sys.setprofile(there)
    return counted["call"] + counted["c_call"]
