"""A checkpoint for openai-whisper that is small, made in a second, and says what it is told to.

Each token of a fixed text leads to the next through one unit of the decoder's only feed-forward
layer. The rest of the network is real and random: the encoder runs, and the times of words come
from its cross-attention. Every window of 30 s is heard as the same text.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

STATE = 64
TEXT = ((0.0, " Hello there.", 2.0), (2.2, " Who is it?", 4.0))


def whisper_checkpoint(path: Path, text: tuple[tuple[float, str, float], ...] = TEXT) -> Path:
    """Write a checkpoint whose model hears ``text``: (start, phrase, end) in each window.

    No token may come up twice, start of phrases included.
    """
    import torch
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(7)
    dims = ModelDimensions(
        n_mels=80,
        n_audio_ctx=1500,
        n_audio_state=STATE,
        n_audio_head=1,
        n_audio_layer=1,
        n_vocab=51865,
        n_text_ctx=448,
        n_text_state=STATE,
        n_text_head=1,
        n_text_layer=1,
    )
    model = Whisper(dims)
    with torch.no_grad():
        _teach(model, _chain(text))
    torch.save({"dims": vars(dims), "model_state_dict": model.state_dict()}, path)
    return path


def _chain(text: tuple[tuple[float, str, float], ...]) -> list[int]:
    """Return the tokens from the first one given to the last one said."""
    from whisper.tokenizer import get_tokenizer

    tokenizer = get_tokenizer(True, num_languages=99, language="en", task="transcribe")
    said: list[int] = []
    for start, phrase, end in text:
        said += [tokenizer.timestamp_begin + round(start / 0.02), *tokenizer.encode(phrase)]
        said.append(tokenizer.timestamp_begin + round(end / 0.02))
    chain = [*tokenizer.sot_sequence, *said, tokenizer.eot]
    assert len(set(chain)) == len(chain), "a token comes up twice"
    return chain


def _teach(model: Any, chain: list[int]) -> None:
    import torch

    decoder, block = model.decoder, model.decoder.blocks[0]
    decoder.positional_embedding.zero_()
    vectors = torch.randn(decoder.token_embedding.weight.shape)
    vectors -= vectors.mean(dim=1, keepdim=True)
    vectors *= STATE**0.5 / vectors.norm(dim=1, keepdim=True)
    decoder.token_embedding.weight.copy_(vectors)
    for attention in (block.attn, block.cross_attn):
        attention.out.weight.zero_()
        attention.out.bias.zero_()
    into, out = block.mlp[0], block.mlp[2]
    for parameter in (into.weight, into.bias, out.weight, out.bias):
        parameter.zero_()
    into.bias.fill_(-0.8 * STATE)  # a unit fires for its own token alone
    for unit, (token, following) in enumerate(pairwise(chain)):
        into.weight[unit] = vectors[token]
        out.weight[:, unit] = vectors[following] - 0.1 * vectors[token]
