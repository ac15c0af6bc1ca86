"""A `Page`: styled paragraphs with a hanging indent, wrapped to a width, as plain text or with colours."""

from __future__ import annotations

from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from acidity.report.secret import masked, printable

Span = tuple[str, str]
WIDTH_MIN = 40


class Page:
    """Collects paragraphs; nothing put on it is ever cut off."""

    def __init__(self, width: int) -> None:
        self.width = max(width, WIDTH_MIN)
        self._lines: list[Text] = []
        self._measure = Console(file=StringIO(), width=self.width)

    def say(
        self, *body: str | Span, label: str = "", label_style: str = "", indent: int = 0, wrap: bool = True
    ) -> None:
        """Add one paragraph.

        Args:
            body: texts, or (text, style) pairs.
            label: what stands before the first line; later lines hang below the body.
            label_style: the colour of the label.
            indent: blanks before the label.
            wrap: False for what the reader will copy, such as a command.
        """
        head = Text(" " * indent).append(_clean(label), label_style)
        text = Text.assemble(
            *((_clean(span), "") if isinstance(span, str) else (_clean(span[0]), span[1]) for span in body)
        )
        hanging = Text(" " * head.cell_len)
        room = max(self.width - head.cell_len, WIDTH_MIN // 2)
        pieces = text.wrap(self._measure, room) if wrap else [text]
        for number, piece in enumerate(pieces or [Text()]):
            line = (head if number == 0 else hanging) + piece
            line.rstrip()
            self._lines.append(line)

    def blank(self) -> None:
        """Add an empty line, but never two in a row."""
        if self._lines and self._lines[-1].plain:
            self._lines.append(Text())

    def render(self, *, color: bool) -> str:
        """The page as one string, without a newline at its end."""
        if not color:
            return "\n".join(line.plain for line in self._lines)
        out = StringIO()
        console = Console(
            file=out,
            force_terminal=True,
            color_system="standard",
            no_color=False,
            legacy_windows=False,
            highlight=False,
        )
        for line in self._lines:
            console.print(line, soft_wrap=True, highlight=False)
        return out.getvalue().rstrip("\n")


def cells(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return cell_len(text)


def _clean(text: str) -> str:
    return printable(masked(text))


def shortened(text: str, room: int) -> str:
    """The text in one line, its end left out where there is no room."""
    text = " ".join(text.split()) if "\n" in text else text
    if cells(text) <= room:
        return text
    while text and cells(text) > room - 1:
        text = text[: len(text) - max(1, (cells(text) - room + 1) // 2)]
    return f"{text.rstrip()}…"
