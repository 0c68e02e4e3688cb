"""Tokens per second of greedy generation on the CPU: the embedded engine beside transformers, on the same weights.

    cargo build --release -p ptb-engine --example throughput
    python benches/engine_vs_transformers.py [--shape small|0.6b] [--batches 1,8,64] [--repeats 2] [--threads 1]

Needs torch, transformers and tokenizers. The weights are random and made on the fly. Each measurement is a process of
its own, so that the peak memory is that of one program; the best of the repeats counts. Tokens are given per second on
the clock and per second of processor time: with one thread and an idle machine the two are the same, and on a busy
machine only the second says something about the program. Prints a Markdown table.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHAPES = {
    "small": dict(hidden_size=256, num_hidden_layers=6, num_attention_heads=8, num_key_value_heads=4, head_dim=32,
                  intermediate_size=768, vocab_size=4096, tie_word_embeddings=True),
    "0.6b": dict(hidden_size=1024, num_hidden_layers=28, num_attention_heads=16, num_key_value_heads=8, head_dim=128,
                 intermediate_size=3072, vocab_size=151936, tie_word_embeddings=True),
}
# Prompt tokens and new tokens for each batch size; the large shape gets less work.
WORK = {"small": (64, 128), "0.6b": (32, 16)}


def make(shape: str, folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(1)
    last = SHAPES[shape]["vocab_size"] - 1
    config = Qwen3Config(**SHAPES[shape], max_position_embeddings=4096, bos_token_id=None, eos_token_id=last)
    Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))


def transformers_run(folder: str, batch: int, prompt: int, new_tokens: int, repeats: int) -> None:
    import torch
    from transformers import Qwen3ForCausalLM

    model = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    vocab = model.config.vocab_size
    tokens = torch.tensor([[(row * 131 + place * 7 + 11) % vocab for place in range(prompt)] for row in range(batch)])
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    best, best_cpu = float("inf"), float("inf")
    for _ in range(repeats):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        with torch.inference_mode():
            out = model.generate(tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=new_tokens,
                                 min_new_tokens=new_tokens, do_sample=False, pad_token_id=0)
        best = min(best, time.perf_counter() - begin)
        best_cpu = min(best_cpu, time.process_time() - cpu_begin)
    count = (out.shape[1] - prompt) * batch
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"tokens": count, "seconds": best, "cpu_seconds": best_cpu, "peak_mib": peak}))


def measure(command: list[str], threads: int) -> dict:
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads)}
    result = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(result.stdout.strip().splitlines()[-1])


def row(batch: int, ours: dict, theirs: dict) -> str:
    def rates(clock: str) -> list[str]:
        speeds = [result["tokens"] / result[clock] for result in (ours, theirs)]
        return [f"{speeds[0]:.1f}", f"{speeds[1]:.1f}", f"{speeds[0] / speeds[1]:.2f}"]

    cells = [str(batch), *rates("seconds"), *rates("cpu_seconds"), str(ours["peak_mib"]), str(theirs["peak_mib"])]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--batches", default="1,8,64")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run-transformers", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run_transformers:
        folder, *numbers = arguments.run_transformers
        return transformers_run(folder, *map(int, numbers))
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    engine = target / "release/examples/throughput"
    prompt, new_tokens = WORK[arguments.shape]
    print(f"Shape {arguments.shape}, prompts of {prompt} tokens, {new_tokens} new tokens, {arguments.threads} threads.\n")
    print("| batch | engine, tokens/s | transformers | ratio | engine, tokens/CPU s | transformers | ratio "
          "| engine, peak MiB | transformers |")
    print("|---" * 9 + "|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        make(arguments.shape, Path(folder))
        for batch in map(int, arguments.batches.split(",")):
            work = [folder, *map(str, (batch, prompt, new_tokens, arguments.repeats))]
            ours = measure([str(engine), *work], arguments.threads)
            theirs = measure([sys.executable, __file__, "--run-transformers", *work], arguments.threads)
            print(row(batch, ours, theirs), flush=True)


if __name__ == "__main__":
    main()
