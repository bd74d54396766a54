"""Quotes the words of clients and operators in messages."""


def quote(text: str, longest: int = 64) -> str:
    """A client's own words for use in a message: quoted, cut where they are long, and always text that can be sent."""
    text = text.encode(errors="replace").decode()  # JSON can escape half a character, UTF-8 cannot hold one
    return f"'{text}'" if len(text) <= longest else f"'{text[:longest]}…'"
