"""Renders conversations with Jinja itself, set up as the servers that run on Python set it up.

usage: jinja2_render.py TEMPLATE < LINES: one JSON line out for each line in, as `ptb template` gives them
"""

import datetime
import json
import sys

from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment


def raise_exception(message):
    raise TemplateError(message)


def main():
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.globals["raise_exception"] = raise_exception
    with open(sys.argv[1], encoding="utf-8") as file:
        template = environment.from_string(file.read())
    for line in sys.stdin:
        given = json.loads(line)
        day = datetime.date.fromisoformat(given["today"])
        variables = {**given["special_tokens"], **given["template_kwargs"], "strftime_now": day.strftime}
        names = ["messages", "tools", "add_generation_prompt"]
        try:
            answer = {"rendered": template.render(**{name: given[name] for name in names}, **variables)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer))


main()
