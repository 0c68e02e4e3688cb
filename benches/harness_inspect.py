"""GSM8K in Inspect AI over local files, with the prompts and the scorer of inspect_evals' gsm8k.

Used by harness.py, which gives the requests that `ptb` sends, so that both harnesses ask the same:

    python benches/harness_inspect.py URL REQUESTS.jsonl ITEMS.jsonl CONNECTIONS LOG_DIR
"""

import json
import os
import sys

url, requests_path, items_path, connections, log_dir = sys.argv[1:6]
os.environ["VLLM_BASE_URL"] = f"{url}/v1"
os.environ["VLLM_API_KEY"] = "none"

from inspect_ai import Task, eval as inspect_eval, task  # noqa: E402
from inspect_ai.dataset import MemoryDataset, Sample  # noqa: E402
from inspect_ai.model import ChatMessageSystem, ChatMessageUser  # noqa: E402
from inspect_ai.scorer import match  # noqa: E402
from inspect_ai.solver import generate  # noqa: E402


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def samples():
    roles = {"system": ChatMessageSystem, "user": ChatMessageUser}
    for number, (request, item) in enumerate(zip(lines(requests_path), lines(items_path), strict=True)):
        messages = [roles[message["role"]](content=message["content"]) for message in request["request"]["messages"]]
        target = item["answer"].split("####")[-1].strip()
        yield Sample(id=number, input=messages, target=target)


@task
def gsm8k():
    return Task(dataset=MemoryDataset(list(samples())), solver=[generate()], scorer=match(numeric=True))


logs = inspect_eval(
    gsm8k(),
    model="vllm/standin",
    max_connections=int(connections),
    max_samples=int(connections),
    max_tokens=4000,
    display="none",
    log_dir=log_dir,
    fail_on_error=False,
)
accuracy = logs[0].results.scores[0].metrics["accuracy"].value
print(json.dumps({"accuracy": accuracy, "scored": len(logs[0].samples or [])}))
