"""The segmentation model: network, simulated conversations, training, export, evaluation."""
