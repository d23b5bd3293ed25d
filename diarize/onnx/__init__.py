"""Model files: where they lie, how they are fetched, and how onnxruntime opens them."""
