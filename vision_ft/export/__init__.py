"""From a checkpoint to a bundle: the ONNX graph, the parity gate, the files."""
