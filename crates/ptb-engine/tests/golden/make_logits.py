"""Makes the checkpoints and logits that tests/logits.rs compares the engine with.

Run from anywhere, with torch, transformers, tokenizers and safetensors installed:

    python make_logits.py

Each folder beside this file is a random Qwen3 checkpoint of a few ten kilobytes with `logits.json`:

    {"prompts": [[token, ...], ...], "every": 7, "logits": [[[every 7th logit] per position] per prompt]}

The logits are those of transformers in single precision on the CPU with eager attention. Another version of torch
gives other last digits; the test allows for a relative error of 1e-4.
"""

import json
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import Qwen3Config, Qwen3ForCausalLM

HERE = Path(__file__).parent
VOCAB = 320
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
PROMPTS = [[17], [5, 99, 260, 31, 7, 7, 311, 200], list(range(3, 300, 9))]

BASE = dict(
    vocab_size=VOCAB,
    max_position_embeddings=128,
    initializer_range=0.15,
    rms_norm_eps=1e-6,
    bos_token_id=None,
    eos_token_id=258,
)
MODELS = {
    # Grouped heads wider than hidden_size / heads, output projection of its own.
    "untied": (dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=10,
                    intermediate_size=36, tie_word_embeddings=False, rope_theta=10000.0), torch.float32, None),
    # One key head for all queries, the embedding as output projection.
    "tied": (dict(hidden_size=20, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1, head_dim=8,
                  intermediate_size=28, tie_word_embeddings=True, rope_theta=1000000.0), torch.float32, None),
    # Stored as bfloat16 in several files.
    "sharded": (dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, head_dim=16,
                     intermediate_size=48, tie_word_embeddings=False, rope_theta=10000.0), torch.bfloat16, "20KB"),
}


def tokenizer() -> Tokenizer:
    """Single bytes, a few merges, and the special tokens of the family: every id is below VOCAB."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {character: index for index, character in enumerate(alphabet)}
    for token in SPECIAL:
        vocab[token] = len(vocab)
    merges = [("h", "e"), ("l", "l"), ("he", "ll"), ("hell", "o"), ("Ġ", "t")]
    for left, right in merges:
        vocab[left + right] = len(vocab)
    result = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    result.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    result.decoder = decoders.ByteLevel()
    result.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return result


def randomise(model: torch.nn.Module) -> None:
    """Norm weights of one would hide a forgotten multiplication."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.uniform_(0.5, 1.5)


def make(name: str, shape: dict, dtype: torch.dtype, shard_size: str | None) -> None:
    torch.manual_seed(20250801)
    model = Qwen3ForCausalLM(Qwen3Config(**BASE, **shape, attn_implementation="eager"))
    randomise(model)
    model = model.to(dtype)
    folder = HERE / name
    model.save_pretrained(folder, **({"max_shard_size": shard_size} if shard_size else {}))
    tokenizer().save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [258, 256], "do_sample": False}) + "\n")
    # Read back, because rounding the model in place would also round its rotation speeds.
    model = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        logits = [model(torch.tensor([prompt])).logits[0] for prompt in PROMPTS]
    # Every seventh column is enough to see a mistake and keeps the files small.
    rows = [[[float(f"{x:.8g}") for x in row[::7]] for row in matrix.tolist()] for matrix in logits]
    (folder / "logits.json").write_text(json.dumps({"prompts": PROMPTS, "every": 7, "logits": rows}) + "\n")


if __name__ == "__main__":
    for name, arguments in MODELS.items():
        make(name, *arguments)
