"""The segmentation model: network, simulated conversations, training, export, evaluation."""

from pathlib import Path

# The bundled model.
TARGET = Path(__file__).parent / "segmentation.onnx"
