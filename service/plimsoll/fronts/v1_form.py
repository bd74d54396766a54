"""/v1 with pictures as the files of a form (RFC 7578), as browsers and `curl --form` send them."""

from __future__ import annotations

from plimsoll.errors import InvalidInput, MalformedBody
from plimsoll.fronts.v1_json import V1Json
from plimsoll.fronts.v1_picture import picture_task, takes_pictures
from plimsoll.inference.call import Call
from plimsoll.inference.ports import Json, Question
from plimsoll.inference.served_version import ServedVersion
from plimsoll.quoting import quote
from plimsoll.tasks.number_rows import MAX_ROWS

_FORM = "a form of multipart/form-data with pictures as its files"
_USER = "user"
_LONGEST_USER = 1024
_MOST_PARTS = MAX_ROWS + 1
"""The pictures, and the user."""


class V1Form(V1Json):
    """Implements `Front`; only its bodies differ from `V1Json`. Each file is a picture, whatever its field is called.

    Nothing is written to a disk: the parts are slices of the body that has been read.
    """

    media_types: tuple[str, ...] = ("multipart/form-data",)

    def read(self, call: Call, body: bytes, served: ServedVersion) -> Question:
        """The question of the files, in the order of the form; a field `user` names a user.

        Raises:
            MalformedBody: the body is empty or no form, or its head names no boundary.
            InvalidInput: a field that is no file, or no file at all, or too many parts.
            UnsupportedMediaType: the task of the model takes no pictures, or a file is none.
        """
        task = picture_task(served)
        if not body:
            raise MalformedBody("the body is empty", code="empty_body", expected=_FORM)
        from plimsoll.fronts.form_parts import parts_of  # noqa: PLC0415  # other models need no python-multipart

        files: list[bytes] = []
        user = None
        for part in parts_of(call.head.get(b"content-type") or "", body, _MOST_PARTS):
            if part.is_file:
                files.append(part.content)
            elif part.name == _USER:
                user = _text(part.content)
            else:
                raise InvalidInput(
                    f"the field {quote(part.name, 32)} is no file", expected=f"files, and perhaps a field '{_USER}'"
                )
        if not files:
            raise InvalidInput("the form has no file", expected=_FORM)
        return task.of_pictures(files, user, single=len(files) == 1)

    def body_content(self, item: str, row: Json, examples: Json) -> Json:
        """The files; nothing for a model that takes no pictures."""
        del examples
        if not takes_pictures(row):
            return {}
        file = {"type": "string", "format": "binary"}
        files = {"type": "array", "items": file, "minItems": 1, "maxItems": MAX_ROWS}
        properties = {item: files, _USER: {"type": "string"}}
        return {"schema": {"type": "object", "properties": properties, "required": [item]}}


def _text(content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = ""
    if not 0 < len(text) <= _LONGEST_USER:
        raise InvalidInput(f"'{_USER}' has the wrong form", expected=f"UTF-8 text, at most {_LONGEST_USER} characters")
    return text
