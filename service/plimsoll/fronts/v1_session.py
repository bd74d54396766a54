"""/v1 in the messages of a session: the body of predict with an `id`, answered with the same `id`."""

from __future__ import annotations

import msgspec
import orjson

from plimsoll.errors import InvalidInput, PlimsollError
from plimsoll.fronts.message_id import ID_FORM, message_id
from plimsoll.fronts.v1_json import V1Json
from plimsoll.inference.call import Call
from plimsoll.inference.payloads import Answer
from plimsoll.inference.ports import Question, Reply
from plimsoll.inference.served_version import ServedVersion
from plimsoll.tasks.json_values import holds_more

_MOST_FIELDS = 100_000
"""Of one message, counted by its colons; each field of the outermost object becomes two Python objects."""
_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class V1Session(V1Json):
    """Implements `Front`; the id of a message is `Call.asked`, `None` until it is known."""

    protocol = "v1-session"

    def read(self, call: Call, body: bytes, served: ServedVersion) -> Question:
        """Take the id out of a message, and parse the rest as the body of predict; see `Task.read`.

        Raises:
            InvalidInput: the message has no id, or one of another form, or far too many fields.
        """
        if holds_more(body, b":", _MOST_FIELDS):
            raise InvalidInput(
                "the message has too many fields", expected=f"at most {_MOST_FIELDS} fields; POST may carry more"
            )
        try:
            fields = _decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return served.task.read(body)  # it is no JSON object, and the task explains that
        self.identify(call, body)
        if call.asked is None:
            raise InvalidInput("the message has no id by which its answer could be known", expected=ID_FORM)
        del fields["id"]
        return super().read(call, msgspec.json.encode(fields), served)

    def identify(self, call: Call, body: bytes) -> None:
        """Find out the id of a message, as far as it has one that can be repeated."""
        call.asked = message_id(body)

    def reply(self, call: Call, served: ServedVersion, question: Question, answer: Answer) -> Reply:
        """The answer of predict, with the id."""
        return _with_id(call, super().reply(call, served, question, answer))

    def refuse(self, call: Call, error: PlimsollError) -> Reply:
        """The error of /v1, with the id, which is null if it is not known."""
        return _with_id(call, super().refuse(call, error))


def _with_id(call: Call, reply: Reply) -> Reply:
    """The same JSON object with the id in front."""
    if not reply.content:  # the client has left
        return reply
    return Reply(reply.status, reply.headers, b'{"id":%b,%b' % (orjson.dumps(call.asked), reply.content[1:]))
