"""Makes the checkpoints and logits that tests/logits.rs compares the engine with.

Run from anywhere, with torch, transformers, tokenizers and safetensors installed:

    python make_logits.py [NAME ...]
    python make_logits.py --random COUNT ENGINE

The second form writes nothing here: it draws COUNT configurations of all architectures with any of their settings, and
compares all logits with those of the engine (the example `logits` of this crate).

Each folder beside this file is a random checkpoint of a few ten kilobytes with `logits.json`:

    {"prompts": [[token, ...], ...], "every": 7, "logits": [[[every 7th logit] per position] per prompt],
     "continued": 1, "greedy": [token, ...]}

"greedy" are the likeliest tokens after the prompt with the number "continued"; the three oldest folders lack them.

The logits are those of transformers in single precision on the CPU with eager attention. Another version of torch
gives other last digits; the test allows for a relative error of 1e-4. Two things are put right that transformers does
otherwise when weights are widened: Gemma's embedding factor is rounded to the stored type, as it is without widening,
and its `attn_logit_softcapping` is handed to the attention function, which the modules of transformers 5 forget.
"""

import json
import math
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (Gemma3Config, Gemma3ForCausalLM, Gemma3ForConditionalGeneration, Gemma3TextConfig,
                          Qwen3Config, Qwen3ForCausalLM, SmolLM3Config, SmolLM3ForCausalLM)

HERE = Path(__file__).parent
VOCAB = 320
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
SHORT = [[17], [5, 99, 260, 31, 7, 7, 311, 200], list(range(3, 300, 9))]
# The last one is longer than every window with the room beside it.
LONG = [SHORT[1], [(place * place + 7 * place) % VOCAB for place in range(116)]]

BASE = dict(
    vocab_size=VOCAB,
    max_position_embeddings=128,
    initializer_range=0.15,
    rms_norm_eps=1e-6,
    bos_token_id=None,
    pad_token_id=None,
    eos_token_id=258,
)
QWEN3 = (Qwen3ForCausalLM, Qwen3Config)
SMOLLM3 = (SmolLM3ForCausalLM, SmolLM3Config)
GEMMA3 = (Gemma3ForCausalLM, Gemma3TextConfig)
GEMMA3_VISION = (Gemma3ForConditionalGeneration, Gemma3Config)
ROTATIONS = {
    "full_attention": dict(rope_type="linear", factor=8.0, rope_theta=1000000.0),
    "sliding_attention": dict(rope_type="default", rope_theta=10000.0),
}
GEMMA3_SHAPE = dict(hidden_size=20, num_attention_heads=4, num_key_value_heads=2, head_dim=8, intermediate_size=28,
                    query_pre_attn_scalar=12)
VISION = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=4,
              patch_size=2)

# For each folder: classes, shape, stored type, largest shard, and what is done to the files afterwards.
MODELS = {
    # Grouped heads wider than hidden_size / heads, output projection of its own.
    "untied": (QWEN3, dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                           head_dim=10, intermediate_size=36, tie_word_embeddings=False, rope_theta=10000.0),
               torch.float32, None, None),
    # One key head for all queries, the embedding as output projection.
    "tied": (QWEN3, dict(hidden_size=20, num_hidden_layers=3, num_attention_heads=3, num_key_value_heads=1, head_dim=8,
                         intermediate_size=28, tie_word_embeddings=True, rope_theta=1000000.0),
             torch.float32, None, None),
    # Stored as bfloat16 in several files.
    "sharded": (QWEN3, dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
                            head_dim=16, intermediate_size=48, tie_word_embeddings=False, rope_theta=10000.0),
                torch.bfloat16, "20KB", None),
    # What no published Qwen3 has, but the architecture can have.
    "qwen3_window": (QWEN3, dict(hidden_size=20, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
                                 head_dim=8, intermediate_size=28, tie_word_embeddings=True, attention_bias=True,
                                 use_sliding_window=True, sliding_window=5, max_window_layers=1, rope_theta=10000.0),
                     torch.float16, None, None),
    # Every second layer without positions by the rule, as files without a list have it.
    "smollm3": (SMOLLM3, dict(hidden_size=24, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
                              intermediate_size=28, tie_word_embeddings=True, no_rope_layer_interval=2,
                              rope_theta=5000000.0),
                torch.bfloat16, None, "rule"),
    # Windows, biases, a list of layers without positions, a scaled rotation.
    "smollm3_window": (SMOLLM3, dict(hidden_size=20, num_hidden_layers=4, num_attention_heads=2, num_key_value_heads=1,
                                     intermediate_size=28, tie_word_embeddings=False, no_rope_layers=[1, 0, 0, 1],
                                     use_sliding_window=True, sliding_window=7, attention_bias=True, mlp_bias=True,
                                     rope_parameters=dict(rope_type="linear", factor=4.0, rope_theta=10000.0)),
                       torch.float16, "16KB", None),
    # The text model alone, with both soft caps.
    "gemma3_text": (GEMMA3, dict(GEMMA3_SHAPE, num_hidden_layers=4, tie_word_embeddings=True, sliding_window=6,
                                 sliding_window_pattern=3, final_logit_softcapping=5.0, attn_logit_softcapping=3.0,
                                 rope_parameters=ROTATIONS),
                    torch.bfloat16, None, None),
    # With vision, named and configured as the published files are.
    "gemma3_old": (GEMMA3_VISION, dict(GEMMA3_SHAPE, num_hidden_layers=6, tie_word_embeddings=True, sliding_window=9,
                                       rope_parameters=ROTATIONS),
                   torch.bfloat16, None, "old"),
    # With vision, named after the modules of newer versions.
    "gemma3_new": (GEMMA3_VISION, dict(GEMMA3_SHAPE, num_hidden_layers=3, tie_word_embeddings=False, sliding_window=4,
                                       layer_types=["full_attention", "sliding_attention", "sliding_attention"],
                                       attention_bias=True, rope_parameters=ROTATIONS),
                   torch.float16, None, "new"),
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
    """Norm weights and biases as they are at first would hide that they are forgotten."""
    centre = 0.0 if "Gemma" in type(model).__name__ else 1.0
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.uniform_(centre - 0.5, centre + 0.5)
            elif name.endswith("bias"):
                weight.uniform_(-0.5, 0.5)


def configuration(kind: type, shape: dict):
    if kind is not Gemma3Config:
        return kind(**BASE, **shape)
    text = dict(BASE, **shape)
    return Gemma3Config(text_config=text, vision_config=VISION, mm_tokens_per_image=4, image_token_index=319,
                        boi_token_index=317, eoi_token_index=318, tie_word_embeddings=shape["tie_word_embeddings"])


def rename(folder: Path, layout: str) -> None:
    """Names the tensors of a model with vision in the published or in the newer way."""
    tensors = load_file(folder / "model.safetensors")
    prefix, head = {"old": ("language_model.model.", "language_model.lm_head."),
                    "new": ("model.language_model.", "lm_head.")}[layout]
    renamed = {}
    for name, tensor in tensors.items():
        for other in ("language_model.model.", "model.language_model."):
            name = name.replace(other, "DECODER.") if name.startswith(other) else name
        name = name.removeprefix("language_model.") if "lm_head" in name else name.removeprefix("model.")
        name = name.replace("DECODER.", prefix).replace("lm_head.", head)
        if layout == "new" and name.startswith(("vision_tower", "multi_modal")):
            name = "model." + name
        renamed[name] = tensor
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})


def older_file(folder: Path) -> None:
    """The configuration as it was published: flat rotations, and nothing that is a default."""
    config = json.loads((folder / "config.json").read_text())
    text = config["text_config"]
    rotations = text.pop("rope_parameters")
    full = rotations["full_attention"]
    text["rope_theta"] = full.pop("rope_theta")
    text["rope_local_base_freq"] = rotations["sliding_attention"]["rope_theta"]
    text["rope_scaling"] = full
    kept = {"model_type", "rope_theta", "rope_local_base_freq", "rope_scaling", "sliding_window", "vocab_size",
            "max_position_embeddings", "num_hidden_layers", "initializer_range", *GEMMA3_SHAPE}
    config["text_config"] = {key: value for key, value in text.items() if key in kept}
    config["torch_dtype"] = config.pop("dtype")
    config["eos_token_id"] = [258]
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def without_lists(folder: Path) -> None:
    """Leaves the kinds of layers to the rule of the architecture."""
    config = json.loads((folder / "config.json").read_text())
    del config["no_rope_layers"], config["layer_types"]
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def reference(folder: Path, kind: type, dtype: torch.dtype):
    """The model as a function from tokens to logits."""
    # Read back, because rounding the model in place would also round its rotation speeds.
    model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    config = model.config.get_text_config()
    for module in model.modules():
        if hasattr(module, "embed_scale"):
            module.embed_scale = torch.tensor(math.sqrt(config.hidden_size)).to(dtype).float()
    cap = getattr(config, "attn_logit_softcapping", None)
    arguments = {"softcap": cap} if cap else {}
    return lambda tokens: model(torch.tensor([tokens]), use_cache=False, **arguments).logits[0]


def continuation(logits_of, prompt: list[int], most: int) -> list[int]:
    """The likeliest tokens, up to one that is too close to call."""
    tokens = []
    while len(tokens) < most:
        best = torch.topk(logits_of(prompt + tokens)[-1], 2)
        if best.values[0] - best.values[1] < 1e-3 * best.values[0].abs():
            break
        tokens.append(int(best.indices[0]))
    assert len(tokens) >= 8, "the first tokens are too close to call: take another seed"
    return tokens


def write(folder: Path, classes: tuple, shape: dict, dtype: torch.dtype, shard_size: str | None, form: str | None):
    """Draws a model, stores it and returns it as a function."""
    model = classes[0](configuration(classes[1], shape))
    randomise(model)
    model = model.to(dtype)
    model.save_pretrained(folder, **({"max_shard_size": shard_size} if shard_size else {}))
    if form in ("old", "new"):
        rename(folder, form)
    if form == "old":
        older_file(folder)
    if form == "rule":
        without_lists(folder)
    tokenizer().save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [258, 256], "do_sample": False}) + "\n")
    return reference(folder, classes[0], dtype)


def make(name: str, *arguments) -> None:
    torch.manual_seed(20250801)
    shutil.rmtree(HERE / name, ignore_errors=True)
    is_older = name in ("untied", "tied", "sharded")
    # A few columns are enough to see a mistake and keep the files small.
    prompts, every, digits = (SHORT, 7, 8) if is_older else (LONG, 29, 7)
    with torch.no_grad():
        logits_of = write(HERE / name, *arguments)
        logits = [logits_of(prompt)[:, ::every].tolist() for prompt in prompts]
        greedy = {} if is_older else {"continued": 0, "greedy": continuation(logits_of, prompts[0], 24)}
    rows = [[[float(f"{x:.{digits}g}") for x in row] for row in matrix] for matrix in logits]
    record = {"prompts": prompts, "every": every, "logits": rows, **greedy}
    (HERE / name / "logits.json").write_text(json.dumps(record) + "\n")


def drawn(random: Random) -> tuple:
    """The arguments of `write` for a configuration that nobody has chosen."""
    pick = random.choice
    shared, group, layers = pick([1, 2, 3]), pick([1, 2, 3]), random.randint(1, 7)
    heads = shared * group
    shape = dict(num_attention_heads=heads, num_key_value_heads=shared, hidden_size=2 * heads * random.randint(1, 5),
                 num_hidden_layers=layers, intermediate_size=random.randint(5, 60), attention_bias=pick([True, False]),
                 tie_word_embeddings=pick([True, False]), sliding_window=random.randint(1, 40),
                 head_dim=pick([2, 8, 10, 16, 34]))
    flat = dict(rope_type="default", rope_theta=10.0 ** random.uniform(1, 7))
    flat = pick([flat, flat | dict(rope_type="linear", factor=random.uniform(1, 16))])
    kinds = [pick(["full_attention", "sliding_attention"]) for _ in range(layers)]
    classes, form = pick([QWEN3, SMOLLM3, GEMMA3, GEMMA3_VISION]), None
    if classes is QWEN3:
        shape |= dict(rope_parameters=flat, use_sliding_window=pick([True, False]),
                      max_window_layers=random.randint(0, layers))
    elif classes is SMOLLM3:
        del shape["head_dim"]
        shape |= dict(rope_parameters=flat, use_sliding_window=True, mlp_bias=pick([True, False]),
                      no_rope_layers=[pick([0, 1]) for _ in range(layers)], layer_types=kinds)
    else:
        local = dict(rope_type="default", rope_theta=10.0 ** random.uniform(1, 5))
        shape |= dict(rope_parameters={"full_attention": flat, "sliding_attention": local}, layer_types=kinds,
                      query_pre_attn_scalar=random.randint(1, 64))
        if classes is GEMMA3:
            shape |= dict(attn_logit_softcapping=pick([None, 2.0]), final_logit_softcapping=pick([None, 4.0]))
        else:
            form = "new"
    shards = None if form else pick([None, "16KB"])
    return classes, shape, pick([torch.float32, torch.float16, torch.bfloat16]), shards, form


def compare(seed: int, engine: str) -> None:
    torch.manual_seed(seed)
    arguments = drawn(Random(seed))
    prompt = LONG[1]
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        expected = write(Path(folder), *arguments)(prompt)
        command = [engine, folder, folder + "/logits", "0", *map(str, prompt)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found = torch.frombuffer(bytearray(Path(folder, "logits").read_bytes()), dtype=torch.float32)
    error = float((found.view_as(expected) - expected).abs().max() / expected.abs().max())
    print(f"{seed:4} {error:.1e} {arguments[0][0].__name__} {arguments[2]} {arguments[1]}", flush=True)
    assert error < 1e-4, "the engine disagrees"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--random"]:
        for seed in range(int(sys.argv[2])):
            compare(seed, sys.argv[3])
    else:
        for name in sys.argv[1:] or MODELS:
            make(name, *MODELS[name])
