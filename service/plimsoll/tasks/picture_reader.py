"""The half of a task that takes pictures: as base64 in JSON, as they are, or as tensors of BYTES."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from numpy.typing import NDArray

from plimsoll.bundle.picture_options import picture_of
from plimsoll.errors import ClientError, InvalidInput, UnsupportedMediaType
from plimsoll.inference.payloads import Classes, Signature, Tensors, TensorSpec
from plimsoll.inference.ports import Json
from plimsoll.inference.task_limits import TaskLimits
from plimsoll.tasks.json_faults import BodyForm, explain, kind_of, syntax_fault
from plimsoll.tasks.json_values import holds_more
from plimsoll.tasks.number_rows import MAX_ROWS, check_count
from plimsoll.tasks.picture_rows import PictureRows, factors_of
from plimsoll.tasks.task_options import Options

ITEM = "image"
PICTURE_TYPE = "image/*"
"""The media type in the schema of a row that is a picture."""
PICTURES_AT_ONCE = 4
"""The pixels of all pictures of one request may be so many times those of the largest picture."""
_FORM = BodyForm(
    'an object {"image": base64 of a picture} for one, or {"instances": [base64, ...]} for many',
    ITEM,
    "instances",
    private=True,
)
_BASE64 = "the base64 of a picture (RFC 4648, section 4), without line breaks"
_CHARACTERS_OF_3_BYTES = 4


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    image: str | None = None
    instances: list[str] | None = None
    user: str | None = None


_decoder = msgspec.json.Decoder(_Document)


class PictureReader:
    """Implements the reading half of `Task` for models of one input that a picture fills.

    Raises:
        BundleError: with check `task`, when the option `picture` is wrong or does not fit the signature.
    """

    item = ITEM
    classes: Classes | None = None
    reading_cost = 1 << 31
    """A few bytes may hold many pixels, so no picture is ever decoded on the event loop."""
    slow_results: ClassVar[bool] = False

    def __init__(
        self, signature: Signature, options: Options, wire_outputs: tuple[TensorSpec, ...], limits: TaskLimits
    ) -> None:
        from plimsoll.tasks import picture_decoding, picture_fitting  # noqa: PLC0415  # other models need no Pillow

        picture_decoding.quieten_pillow()
        self._open, self._fitted, self._encoded = (
            picture_decoding.PictureFile, picture_fitting.fitted, picture_decoding.encoded,
        )  # fmt: skip
        self._steps = picture_of(signature, options)
        self._factors = factors_of(self._steps)
        self._name = signature.inputs[0].name
        self._options = options
        self._signature = signature
        self.limits = limits
        self.wire = Signature((TensorSpec(ITEM, "BYTES", (-1,)),), wire_outputs)

    def __eq__(self, other: object) -> bool:
        """Whether every body means the same question to both."""
        return (
            isinstance(other, PictureReader)
            and type(self) is type(other)
            and (self._steps, self._name, self.limits) == (other._steps, other._name, other.limits)
        )

    def __hash__(self) -> int:
        return hash((self._steps, self._name))

    def read(self, body: bytes) -> PictureRows:
        """The pictures of a JSON body; see `of_pictures` and `Task.read`."""
        if holds_more(body, b",", 2 * (MAX_ROWS + 2)):
            raise syntax_fault(body, _FORM) or InvalidInput(
                "the body holds too many pictures", expected=f"at most {MAX_ROWS} pictures"
            )
        try:
            parsed = _decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise explain(body, _FORM, _fault_of_row) from None
        if (parsed.image is None) == (parsed.instances is None):
            raise explain(body, _FORM, _fault_of_row)
        single = parsed.instances is None
        texts = [parsed.image or ""] if parsed.instances is None else parsed.instances
        check_count(len(texts))
        contents = [self._bytes_of(text, None if single else index) for index, text in enumerate(texts)]
        return self.of_pictures(contents, parsed.user, single=single)

    def of_pictures(self, contents: Sequence[bytes], user: str | None = None, *, single: bool) -> PictureRows:
        """The question of the contents of picture files. All their heads are checked before any is decoded.

        Raises:
            UnsupportedMediaType: one is no picture; `index` names it unless there is a `single` one.
            InvalidInput: one is damaged, animated or beyond the limits, or all together are, or too many.
        """
        check_count(len(contents))
        if len(contents) > self._steps.most_rows:
            raise InvalidInput(
                "there are too many pictures for one request of this model",
                expected=f"at most {self._steps.most_rows} pictures", given=f"{len(contents)} pictures",
            )  # fmt: skip
        files, pixels, most = [], 0, PICTURES_AT_ONCE * self.limits.picture_pixels
        for index, content in enumerate(contents):
            with _Naming(None if single else index):
                file = self._open(content, self.limits)
            pixels += file.pixels
            if pixels > most:
                raise InvalidInput(
                    "the pictures of the request have too many pixels together", expected=f"at most {most} pixels"
                )
            files.append(file)
        files.reverse()
        rows = []
        for index in range(len(files)):
            with _Naming(None if single else index):
                rows.append(self._fitted(files.pop(), self._steps))  # which frees the pixels of the file
        return PictureRows(self._name, self._factors, [row for row, _ in rows], [place for _, place in rows], user)

    def of_rows(self, rows: NDArray[Any]) -> PictureRows:
        """No rows of numbers.

        Raises:
            UnsupportedMediaType: always.
        """
        raise UnsupportedMediaType(
            "this model takes pictures, not rows of numbers",
            expected="Content-Type: image/png, multipart/form-data or application/json", given=f"{len(rows)} rows",
        )  # fmt: skip

    def of_tensors(self, tensors: Tensors) -> PictureRows:
        """The pictures of the input of BYTES, each as it is or as base64; see `of_pictures`."""
        return self.of_pictures([_raw(each) for each in tensors[ITEM].tolist()], single=len(tensors[ITEM]) == 1)

    def row_schema(self) -> Json:
        """The JSON schema of one picture."""
        return {
            "type": "string",
            "contentEncoding": "base64",
            "contentMediaType": PICTURE_TYPE,
            "description": "A PNG, JPEG, WebP, GIF or BMP in base64, without line breaks.",
        }

    def example_row(self, inputs: Tensors) -> str:
        """The base64 of the picture from which this row is made."""
        content = self._encoded(self._steps.pixels_of(inputs[self._name]))
        return binascii.b2a_base64(content, newline=False).decode()

    def _bytes_of(self, text: str, index: int | None) -> bytes:
        if len(text) > _CHARACTERS_OF_3_BYTES * (self.limits.picture_bytes // 3 + 1):
            raise InvalidInput(
                "the picture has too many bytes", expected=f"at most {self.limits.picture_bytes} bytes", index=index
            )
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except ValueError:
            given = "a data URL; send what follows its comma" if text.startswith("data:") else None
            raise InvalidInput("the picture is not base64", expected=_BASE64, given=given, index=index) from None


class _Naming:
    """Names the picture in an error that passes through."""

    def __init__(self, index: int | None) -> None:
        self._index = index

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, ClientError):
            error.index = self._index


def _raw(element: bytes) -> bytes:
    """The bytes of an element, which is base64 where JSON carries it."""
    try:
        return binascii.a2b_base64(element, strict_mode=True)
    except ValueError:
        return element


def _fault_of_row(row: object, index: int | None) -> InvalidInput | None:
    if isinstance(row, str):
        return None if row.isascii() else InvalidInput("the picture is not base64", expected=_BASE64, index=index)
    where = f"'{ITEM}'" if index is None else f"row {index} of instances"
    return InvalidInput(f"{where} has the wrong type", expected=_BASE64, given=kind_of(row), index=index)
