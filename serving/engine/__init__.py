"""From encoded images to predictions: decoding, batching and inference beside the event loop."""
