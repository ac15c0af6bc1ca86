"""What is not in the database: a mail server and a storage, each a folder of files here. Nothing of acidity."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

WHERE = [Path(tempfile.gettempdir()) / "examples-signup"]  # the last one; a check has no folder of its own


@contextmanager
def placed(folder: Path) -> Iterator[None]:
    """Mails and files lie in this folder meanwhile."""
    WHERE.append(folder)
    try:
        yield
    finally:
        WHERE.pop()


def send_mail(address: str, subject: str) -> None:
    """Send a mail. What has been sent cannot be taken back; under the same address and subject it is sent once."""
    name = hashlib.sha256(f"{address}\n{subject}".encode()).hexdigest()[:16]
    (_folder("mails") / f"{name}.txt").write_text(f"To: {address}\nSubject: {subject}\n", encoding="utf-8")


def mails() -> list[str]:
    """What was sent."""
    return sorted(" ".join(path.read_text(encoding="utf-8").split()) for path in _folder("mails").iterdir())


def write_file(place: str, content: str) -> None:
    """Put a content into a place; a file of which no row tells is nobody's, and may be swept away."""
    (_folder("files") / place).write_text(content, encoding="utf-8")


def files() -> list[str]:
    """The places in which there is something."""
    return sorted(path.name for path in _folder("files").iterdir())


def remove_file(place: str) -> None:
    """Remove what is in a place; once it is gone, there is nothing to do."""
    with suppress(FileNotFoundError):
        (_folder("files") / place).unlink()


def _folder(name: str) -> Path:
    folder = WHERE[-1] / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
