#!/usr/bin/env python3
"""Scores a checkpoint on this run's benchmark, with the code of the final scoring."""

import argparse
import os
import sys

BENCHMARK = "@BENCHMARK@"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model-path", default="final_model", help="checkpoint folder")
    parser.add_argument("--limit", type=int, help="score only the first items; -1 means all")
    parser.add_argument("--max-connections", type=int, help="sequences generated at one time")
    parser.add_argument("--max-tokens", type=int, help="token limit of an answer")
    parser.add_argument("--gpu-memory-utilization", type=float, help="share of the GPU's memory to use")
    parser.add_argument("--json-output-file", help="where to write the metrics as JSON")
    parser.add_argument("--templates-dir", help="folder with chat templates")
    return parser.parse_args()


def main():
    given = arguments()
    command = ["ptb", "eval", "--benchmark", BENCHMARK, "--model", given.model_path]
    for name, value in vars(given).items():
        if value is None or name == "model_path" or (name == "limit" and value < 0):
            continue
        command += ["--" + name.replace("_", "-"), str(value)]
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"evaluate.py: cannot start {command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
