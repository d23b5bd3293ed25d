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


def faster_whisper_checkpoint(
    folder: Path, text: tuple[tuple[float, str, float], ...] = TEXT
) -> Path:
    """Write the same model as :func:`whisper_checkpoint` in CTranslate2's format, a folder."""
    import ctranslate2
    import torch
    from whisper.tokenizer import get_tokenizer

    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = whisper_checkpoint(folder / "hello.pt", text)
    state = torch.load(checkpoint, weights_only=True)["model_state_dict"]
    checkpoint.unlink()
    weights = {name: value.float().numpy() for name, value in state.items()}
    encoding = get_tokenizer(True, num_languages=99).encoding
    visible = _visible_bytes()
    raw = (encoding.decode_single_token_bytes(number) for number in range(50257))
    words = ["".join(visible[byte] for byte in token) for token in raw]
    special = sorted(encoding._special_tokens, key=encoding._special_tokens.__getitem__)
    spec = ctranslate2.specs.WhisperSpec(1, 1, 1, 1)
    _fill(spec, weights)
    spec.register_vocabulary([*words, *special])
    start = encoding._special_tokens["<|startoftranscript|>"]
    spec.config.lang_ids = list(range(start + 1, start + 100))
    spec.config.alignment_heads = [(0, 0)]
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = []
    spec.validate()
    spec.optimize(quantization=None)
    spec.save(str(folder))
    _write_tokenizer(folder / "tokenizer.json", words, special)
    return folder


def _visible_bytes() -> list[str]:
    """Return each byte as byte-level vocabularies write it: one visible character."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(byte if byte in shown else 256 + hidden.index(byte)) for byte in range(256)]


def _write_tokenizer(path: Path, words: list[str], special: list[str]) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {token: number for number, token in enumerate([*words, *special])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer.save(str(path))


def _fill(spec: Any, weights: dict[str, Any]) -> None:
    """Put openai-whisper's weights where CTranslate2 wants them."""
    import numpy as np

    def put(target: Any, *names: str) -> None:
        """Set weight and bias, several put together; keys have no bias."""
        kernels = [weights[f"{name}.weight"] for name in names]
        zeros = [np.zeros(len(kernel), np.float32) for kernel in kernels]
        biases = [weights.get(f"{n}.bias", zero) for n, zero in zip(names, zeros, strict=True)]
        target.weight = np.concatenate(kernels)
        target.bias = np.concatenate(biases)

    def norm(target: Any, name: str) -> None:
        target.gamma, target.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]

    def layer(target: Any, block: str) -> None:
        inside = f"{block}.attn"
        norm(target.self_attention.layer_norm, f"{block}.attn_ln")
        put(target.self_attention.linear[0], *(f"{inside}.{n}" for n in ("query", "key", "value")))
        put(target.self_attention.linear[1], f"{inside}.out")
        norm(target.ffn.layer_norm, f"{block}.mlp_ln")
        put(target.ffn.linear_0, f"{block}.mlp.0")
        put(target.ffn.linear_1, f"{block}.mlp.2")

    encoder, decoder = spec.encoder, spec.decoder
    put(encoder.conv1, "encoder.conv1")
    put(encoder.conv2, "encoder.conv2")
    encoder.position_encodings.encodings = weights["encoder.positional_embedding"]
    layer(encoder.layer[0], "encoder.blocks.0")
    norm(encoder.layer_norm, "encoder.ln_post")
    decoder.embeddings.weight = weights["decoder.token_embedding.weight"]
    decoder.position_encodings.encodings = weights["decoder.positional_embedding"]
    block, cross = decoder.layer[0], "decoder.blocks.0.cross_attn"
    layer(block, "decoder.blocks.0")
    norm(block.attention.layer_norm, f"{cross}_ln")
    put(block.attention.linear[0], f"{cross}.query")
    put(block.attention.linear[1], f"{cross}.key", f"{cross}.value")
    put(block.attention.linear[2], f"{cross}.out")
    norm(decoder.layer_norm, "decoder.ln")
    decoder.projection.weight = weights["decoder.token_embedding.weight"]
