"""The segmentation model: network, simulated conversations, training, export, evaluation."""

from pathlib import Path

# The bundled model, and where training keeps its runs.
TARGET = Path(__file__).parent / "segmentation.onnx"
RUNS = Path(__file__).parent / "runs"
