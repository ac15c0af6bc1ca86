"""The drill: every fault at every Call of an operation, in runs that are judged by their rows."""
