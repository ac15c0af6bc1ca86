"""Cut a text for one line of a report."""


def shorten(text: str, length: int = 60) -> str:
    """A text on one line, cut with an ellipsis after `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
