"""The cost of the harness itself: GSM8K's test set against a server that answers at once, or after a while.

    cargo build --release -p ptb && cargo build --release -p ptb-eval --example standin_server
    python3 benches/harness.py [--inspect-python VENV/bin/python] [--data DIR] [--connections 256] [--delay-ms 200]

`ptb` and, where a Python with inspect-ai is given, Inspect AI ask the same requests with the same number of connections. CPU
seconds are those of the harness process and its children, the server's not included; memory is the largest resident set of
one process. The ideal wall time with a delay is what the delay alone takes: rounds of `connections` requests.
"""

import argparse
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROWS = 1319


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ptb", default=ROOT / "target/release/ptb")
    parser.add_argument("--server", default=ROOT / "target/release/examples/standin_server")
    parser.add_argument("--inspect-python", help="a Python with inspect-ai==0.3.150 and openai")
    parser.add_argument("--data", type=pathlib.Path, help="a mirror folder for `ptb data fetch --from`")
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--delay-ms", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=1)
    return parser.parse_args()


class Server:
    """The stand-in server with a delay."""

    def __init__(self, program, delay_ms):
        self.process = subprocess.Popen([program, "--delay-ms", str(delay_ms)], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self.url

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def measured(command, environment):
    """Wall seconds, CPU seconds and peak MiB of a command."""
    begin = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors)
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begin
        if status != 0:
            errors.seek(0)
            sys.exit(f"{command[0]} failed:\n{output.decode()}\n{errors.read().decode()}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output.decode().strip()


class Harnesses:
    """The command lines."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.environment = dict(os.environ, HOME=str(folder), XDG_CACHE_HOME=str(folder / "cache"))
        fetch = [options.ptb, "data", "fetch", "gsm8k"] + (["--from", options.data] if options.data else [])
        subprocess.run(fetch, env=self.environment, check=True, stdout=subprocess.DEVNULL)
        self.items = next((folder / "cache").rglob("gsm8k/test.jsonl"))
        self.requests = folder / "requests.jsonl"
        dump = [*self.ptb("http://127.0.0.1:9"), "--dump-requests", self.requests]
        subprocess.run(dump, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def fresh(self, name):
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def ptb(self, url):
        connections = str(self.options.connections)
        return [
            self.options.ptb, "eval", "--benchmark", "gsm8k", "--endpoint", url, "--model", "standin",
            "--max-connections", connections, "--log-dir", self.fresh("ptb-logs"), "--json",
        ]  # fmt: skip

    def inspect(self, url):
        script = ROOT / "benches/harness_inspect.py"
        arguments = [url, self.requests, self.items, str(self.options.connections), self.fresh("inspect-logs")]
        return [self.options.inspect_python, script, *arguments]


def main():
    options = arguments()
    rounds = math.ceil(ROWS / options.connections)
    print("| harness | delay | wall s | ideal s | CPU s | peak MiB |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        harnesses = Harnesses(options, pathlib.Path(folder))
        commands = {"ptb": harnesses.ptb}
        if options.inspect_python:
            commands["Inspect AI 0.3.150"] = harnesses.inspect
        for delay in (0, options.delay_ms):
            for name, command in commands.items():
                for _ in range(options.repeats):
                    with Server(options.server, delay) as url:
                        wall, cpu, peak, output = measured(command(url), harnesses.environment)
                    ideal = rounds * delay / 1000
                    print(f"| {name} | {delay} ms | {wall:.2f} | {ideal:.2f} | {cpu:.2f} | {peak:.0f} |", flush=True)
                    result = json.loads(output)
                    scored, accuracy = result["scored"], result["accuracy"]
                    print(f"{name}: accuracy {accuracy:.4f} of {scored}", file=sys.stderr)


if __name__ == "__main__":
    main()
