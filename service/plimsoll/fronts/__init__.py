"""One file per wire format. A front turns bytes into the rows of a model's input tensors, and outputs into bytes."""
