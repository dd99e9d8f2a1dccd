"""Text that may be shown to people: control characters are escaped."""

from __future__ import annotations


def printable(text: str, limit: int = 200) -> str:
    """Return `text` as it may stand in a log or an error: escaped and shortened."""
    if len(text) > limit:
        text = f"{text[:limit]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
