"""Wire formats. The table has one line for each format; the first format of a protocol is its default."""

from __future__ import annotations

from plimsoll.fronts.kserve_v1 import KServeV1
from plimsoll.fronts.oip import Oip
from plimsoll.fronts.openai_embeddings import OpenAIEmbeddings
from plimsoll.fronts.v1_csv import V1Csv
from plimsoll.fronts.v1_events import V1Events
from plimsoll.fronts.v1_form import V1Form
from plimsoll.fronts.v1_json import V1Json
from plimsoll.fronts.v1_picture import V1Picture
from plimsoll.fronts.v1_session import V1Session
from plimsoll.inference.ports import Front

V1: tuple[Front, ...] = (V1Json(), V1Csv(), V1Picture(), V1Form())

V2: tuple[Front, ...] = (Oip(),)

KSERVE_V1: tuple[Front, ...] = (KServeV1(),)

OPENAI: tuple[Front, ...] = (OpenAIEmbeddings(),)

SESSION = V1Session()
EVENTS = V1Events()

PROTOCOLS = (*dict.fromkeys(front.protocol for front in (*V1, *V2, *KSERVE_V1, *OPENAI, SESSION)), EVENTS.protocol)
"""The values of the label `protocol` of metrics."""
WITHOUT_422 = tuple(dict.fromkeys(front.protocol for front in (*V2, *KSERVE_V1, *OPENAI)))
"""Those of them that answer a wrong body with 400, so that 422 never ends one of their requests."""
STREAMED = (EVENTS.protocol,)
"""Those of them whose answers are streams, so that their durations say nothing about latency."""
