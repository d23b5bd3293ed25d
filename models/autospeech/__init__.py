"""The AutoSpeech speaker embedding: network, training, export, evaluation."""
