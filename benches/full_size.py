"""Logits of the base models in their full size with random weights: the embedded engine beside transformers.

    cargo build --release -p ptb-engine --example logits
    python benches/full_size.py --work DIR [--threads 2] [NAME ...]

Needs torch, transformers, tokenizers, safetensors and numpy, up to 9 GB of disk in DIR and 11 GB of memory. For each
model, one after the other: a checkpoint with the published configuration and random bf16 weights is made, both programs
compute the logits at every position of a prompt and the greedy continuation, and the checkpoint is removed.

The engine computes in single precision with the stored bf16 weights. "Widened" is transformers doing the same: its own
modules, with each weight widened where it is used. "bf16" is transformers as it runs by default, which rounds every
intermediate result; its distance says how large a difference is that nobody minds. Prints a Markdown table.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEW_TOKENS = 4
PROMPT = [(place * place * 31 + place * 7 + 11) % 100_000 for place in range(12)]
SHARD_BYTES = 1 << 30

QWEN3 = {
    "architectures": ["Qwen3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 151643,
    "eos_token_id": 151643, "head_dim": 128, "hidden_act": "silu", "initializer_range": 0.02,
    "max_position_embeddings": 32768, "model_type": "qwen3", "num_key_value_heads": 8, "rms_norm_eps": 1e-06,
    "rope_scaling": None, "rope_theta": 1000000, "sliding_window": None, "tie_word_embeddings": True,
    "torch_dtype": "bfloat16", "use_cache": True, "use_sliding_window": False, "vocab_size": 151936,
}
CONFIGS = {
    "Qwen3-1.7B": QWEN3 | {"hidden_size": 2048, "intermediate_size": 6144, "max_window_layers": 28,
                           "num_attention_heads": 16, "num_hidden_layers": 28},
    "Qwen3-4B": QWEN3 | {"hidden_size": 2560, "intermediate_size": 9728, "max_window_layers": 36,
                         "num_attention_heads": 32, "num_hidden_layers": 36},
    "SmolLM3-3B": {
        "architectures": ["SmolLM3ForCausalLM"], "attention_bias": False, "attention_dropout": 0.0,
        "eos_token_id": 128012, "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02,
        "intermediate_size": 11008, "layer_types": ["full_attention"] * 36, "max_position_embeddings": 65536,
        "mlp_bias": False, "model_type": "smollm3", "no_rope_layer_interval": 4, "no_rope_layers": [1, 1, 1, 0] * 9,
        "num_attention_heads": 16, "num_hidden_layers": 36, "num_key_value_heads": 4, "pad_token_id": 128004,
        "rms_norm_eps": 1e-06, "rope_scaling": None, "rope_theta": 5000000.0, "sliding_window": None,
        "torch_dtype": "bfloat16", "use_cache": False, "use_sliding_window": False, "vocab_size": 128256,
    },
    "Gemma-3-4B": {
        "architectures": ["Gemma3ForConditionalGeneration"], "boi_token_index": 255999, "eoi_token_index": 256000,
        "eos_token_id": [1, 106], "image_token_index": 262144, "initializer_range": 0.02, "mm_tokens_per_image": 256,
        "model_type": "gemma3", "torch_dtype": "bfloat16",
        "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
                        "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
                        "sliding_window": 1024},
        "vision_config": {"hidden_size": 1152, "image_size": 896, "intermediate_size": 4304,
                          "model_type": "siglip_vision_model", "num_attention_heads": 16, "num_hidden_layers": 27,
                          "patch_size": 14, "vision_use_head": False},
    },
}
GEMMA3_PREFIX = "language_model.model."


def empty_model(folder: Path):
    """The text model of transformers without memory for its weights."""
    import torch
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder).get_text_config()
    config._attn_implementation = "eager"
    name = json.loads((folder / "config.json").read_text())["architectures"][0]
    kind = transformers.Gemma3ForCausalLM if name.startswith("Gemma3") else getattr(transformers, name)
    with torch.device("meta"):
        model = kind(config)
    return model.to(torch.bfloat16).eval(), config


def make(name: str, folder: Path) -> int:
    """Writes the checkpoint shard by shard; returns the number of its weights."""
    import torch
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    (folder / "config.json").write_text(json.dumps(CONFIGS[name], indent=2))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))

    generator = torch.Generator().manual_seed(1)
    is_gemma = name.startswith("Gemma")
    shard, size, shards, places, count = {}, 0, 0, {}, 0

    def finish_shard() -> None:
        nonlocal shard, size, shards
        shards += 1
        file = f"model-{shards:05}.safetensors"
        save_file(shard, folder / file, metadata={"format": "pt"})
        places.update(dict.fromkeys(shard, file))
        shard, size = {}, 0

    model, _ = empty_model(folder)
    for weight_name, weight in model.named_parameters():
        values = torch.empty(weight.shape, dtype=torch.bfloat16)
        if "norm" in weight_name:
            values.normal_(0.0 if is_gemma else 1.0, 0.1, generator=generator)
        else:
            values.normal_(0.0, 0.02, generator=generator)
        stored = GEMMA3_PREFIX + weight_name.removeprefix("model.") if is_gemma else weight_name
        shard[stored] = values
        size, count = size + 2 * values.numel(), count + values.numel()
        if size >= SHARD_BYTES:
            finish_shard()
    finish_shard()
    index = {"metadata": {"total_size": 2 * count}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return count


def load(folder: Path):
    """The text model on the mapped weights of the checkpoint, in bf16."""
    import torch
    from safetensors import safe_open

    model, config = empty_model(folder)
    state = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as weights:
            for name in weights.keys():
                state["model." + name.removeprefix(GEMMA3_PREFIX) if name.startswith(GEMMA3_PREFIX) else name] = (
                    weights.get_tensor(name))
    model.load_state_dict(state, strict=False, assign=True)
    model.lm_head.weight = model.model.embed_tokens.weight
    # What is computed at the start and not stored has no memory yet either.
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    if hasattr(model.model.embed_tokens, "embed_scale"):
        model.model.embed_tokens.embed_scale = torch.tensor(config.hidden_size**0.5)
    assert not any(tensor.is_meta for tensor in [*model.parameters(), *model.buffers()])
    return model


def widen(model) -> None:
    """Lets every module compute in single precision with its bf16 weights."""
    import torch
    from torch.nn import functional

    def linear(self, x):
        rows = self.weight.split(1 << 15)
        return torch.cat([functional.linear(x, part.float()) for part in rows], -1)

    def embedding(self, tokens):
        scale = getattr(self, "embed_scale", torch.tensor(1.0)).to(self.weight.dtype).float()
        return functional.embedding(tokens, self.weight).float() * scale

    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            module.forward = linear.__get__(module)
        elif isinstance(module, torch.nn.Embedding):
            module.forward = embedding.__get__(module)


def transformers_run(folder: str, out: str, form: str) -> None:
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    begin = time.perf_counter()
    model = load(Path(folder))
    if form == "widened":
        widen(model)
    load_seconds = time.perf_counter() - begin
    with torch.inference_mode():
        begin = time.perf_counter()
        result = model(torch.tensor([PROMPT]), use_cache=True)
        prompt_seconds = time.perf_counter() - begin
        result.logits[0].float().numpy().astype("<f4").tofile(out)
        # Newer versions of transformers have a shorter name for it.
        state = "cache" if "cache" in result else "past_key_values"
        begin, greedy, last = time.perf_counter(), [], result.logits[0, -1]
        while len(greedy) < NEW_TOKENS:
            greedy.append(int(last.argmax()))
            result = model(torch.tensor([greedy[-1:]]), use_cache=True, **{state: result[state]})
            last = result.logits[0, -1]
        token_seconds = (time.perf_counter() - begin) / NEW_TOKENS
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) // 1024
    print(json.dumps({"load_seconds": load_seconds, "prompt_seconds": prompt_seconds, "token_seconds": token_seconds,
                      "greedy": greedy, "peak_mib": peak}))


def measure(command: list[str], threads: int) -> dict:
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads)}
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    if result.returncode != 0:
        sys.exit(f"{command[0]} failed with status {result.returncode}")
    return json.loads(result.stdout.strip().splitlines()[-1])


def compare(name: str, work: Path, threads: int, engine: Path) -> None:
    import numpy

    folder = work / name
    folder.mkdir(parents=True)
    try:
        count = int(subprocess.run([sys.executable, __file__, "--make", name, str(folder)], check=True,
                                   stdout=subprocess.PIPE, text=True).stdout.split()[-1])
        files = {form: folder / f"{form}.bin" for form in ("engine", "widened", "bf16")}
        tokens = [str(token) for token in PROMPT]
        runs = {"engine": measure([str(engine), str(folder), str(files["engine"]), str(NEW_TOKENS), *tokens], threads)}
        for form in ("widened", "bf16"):
            runs[form] = measure([sys.executable, __file__, "--run", str(folder), str(files[form]), form], threads)
        logits = {form: numpy.fromfile(file, "<f4").reshape(len(PROMPT), -1) for form, file in files.items()}
        exact = logits["widened"]
        for form, run in runs.items():
            difference = float(numpy.abs(logits[form] - exact).max())
            agreeing = run["greedy"] == runs["widened"]["greedy"]
            cells = [name, f"{count / 1e9:.2f}", form, f"{difference:.1e}", f"{numpy.abs(exact).max():.2f}",
                     "yes" if agreeing else "no", f"{run['load_seconds']:.1f}", f"{run['prompt_seconds']:.2f}",
                     f"{run['token_seconds']:.2f}", str(run["peak_mib"])]
            print("| " + " | ".join(cells) + " |", flush=True)
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CONFIGS))
    parser.add_argument("--work", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--engine", type=Path, default=ROOT / "target/release/examples/logits")
    parser.add_argument("--make", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.make:
        return print(make(arguments.make[0], Path(arguments.make[1])))
    if arguments.run:
        return transformers_run(*arguments.run)
    print("| model | weights, 10^9 | program | largest difference | largest logit | same greedy tokens | load, s "
          "| prompt, s | token, s | peak, MiB |")
    print("|---" * 10 + "|", flush=True)
    for name in arguments.names or CONFIGS:
        compare(name, arguments.work, arguments.threads, arguments.engine)


if __name__ == "__main__":
    main()
