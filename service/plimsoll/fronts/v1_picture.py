"""/v1 with a picture as the body, as `curl --data-binary @photo.jpg` sends it."""

from __future__ import annotations

from plimsoll.errors import MalformedBody, UnsupportedMediaType
from plimsoll.fronts.v1_json import V1Json
from plimsoll.inference.call import Call
from plimsoll.inference.ports import Json, Question
from plimsoll.inference.served_version import ServedVersion
from plimsoll.tasks.picture_formats import FORMATS
from plimsoll.tasks.picture_reader import PICTURE_TYPE, PictureReader


class V1Picture(V1Json):
    """Implements `Front`; only its bodies differ from `V1Json`. The content decides the format, not its name."""

    media_types: tuple[str, ...] = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp")

    def read(self, call: Call, body: bytes, served: ServedVersion) -> Question:
        """The question of one picture; see `PictureReader.of_pictures`.

        Raises:
            MalformedBody: the body is empty.
            UnsupportedMediaType: the task of the model takes no pictures.
        """
        del call
        task = picture_task(served)
        if not body:
            raise MalformedBody("the body is empty", code="empty_body", expected=FORMATS)
        return task.of_pictures([body], single=True)

    def body_content(self, item: str, row: Json, examples: Json) -> Json:
        """The bytes of a picture; nothing for a model that takes none."""
        del item, examples
        return {"schema": {"type": "string", "format": "binary"}} if takes_pictures(row) else {}


def picture_task(served: ServedVersion) -> PictureReader:
    """The task of a version that takes pictures.

    Raises:
        UnsupportedMediaType: it takes none.
    """
    task = served.task
    if not isinstance(task, PictureReader):
        raise UnsupportedMediaType(
            "this model takes no pictures", expected=f"Content-Type: application/json, with '{task.item}'"
        )
    return task


def takes_pictures(row: Json) -> bool:
    """Whether this is the schema of a row that is a picture."""
    return row.get("contentMediaType") == PICTURE_TYPE
