"""One run of each class of schedules: which two steps must not be swapped, and the search that swaps only those."""
