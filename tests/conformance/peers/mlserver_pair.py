"""The model `pair` as a custom runtime of MLServer; model-settings.json next to it names its tensors."""

from __future__ import annotations

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse


class Pair(MLModel):  # type: ignore[misc]  # MLServer is not installed where types are checked
    """Doubles numbers and raises texts; checks names as the runtimes that come with MLServer do, and no shapes."""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Run one request."""
        given = {each.name: each for each in payload.inputs}
        missing = {"numbers", "texts"} - set(given)
        if missing:
            raise InferenceError(f"Missing inputs: {sorted(missing)}")
        numbers = NumpyCodec.decode_input(given["numbers"])
        texts = StringCodec.decode_input(given["texts"])
        outputs = {
            "scaled": NumpyCodec.encode_output("scaled", numbers * np.float32(2) + np.float32(1)),
            "loud": StringCodec.encode_output("loud", [text.upper() for text in texts]),
        }
        asked = [each.name for each in payload.outputs or []] or list(outputs)
        unknown = [name for name in asked if name not in outputs]
        if unknown:
            raise InferenceError(f"Unexpected outputs: {unknown}")
        return InferenceResponse(id=payload.id, model_name=self.name, outputs=[outputs[name] for name in asked])
