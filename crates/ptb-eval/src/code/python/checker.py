"""The checker's process: runs the data set's tests, with calls of the function under test going over the channel.

It holds the tests, and the answer's process cannot reach it. Every check runs in a copy of this process of its own.
"""
import builtins
import copy
import math
import random
import string


class AnswerFailed(Exception):
    """The function under test gave no plain value."""


def main():
    source, sink = open_channel()
    send(sink, b"H")
    while True:
        kind, values = receive(source)
        if kind != b"T":
            continue
        process = os.fork()
        if process == 0:
            try:
                check(source, sink, *values)
            finally:
                leave(0)
        os.waitpid(process, 0)
        send(sink, b"H")


def check(source, sink, nonce, prompt, tests, entry, paths):
    """Says over the channel how the tests ended: passed only if the test function returned."""
    sys.path.extend(paths)
    random.seed(0)
    names = fresh_main()
    try:
        exec(compile_prompt(prompt), names)
        candidate = names[entry] = proxy(source, sink, entry)
        exec(compile(tests, "<tests>", "exec", 0, True), names)
        test = names["check"]
    except BaseException as error:
        return send(sink, b"B", nonce, *describe(error))
    try:
        test(candidate)
    except NotPlain as error:
        return send(sink, b"B", nonce, "NotPlain", "the tests call the function with %s" % error)
    except BaseException as error:
        return send(sink, b"F", nonce, *describe(error))
    send(sink, b"P", nonce)


def compile_prompt(prompt):
    """The prompt's helpers. Without a description its last function has no body yet."""
    try:
        return compile(prompt, "<prompt>", "exec", 0, True)
    except SyntaxError:
        return compile(prompt + "\n    pass\n", "<prompt>", "exec", 0, True)


def describe(error):
    return type(error).__name__, str(error)[:500].encode("utf-8", "replace").decode()


def proxy(source, sink, entry):
    """A function that has its calls answered by the other process."""

    def call(*args, **kwargs):
        args = list(args)
        send(sink, b"C", args, kwargs)
        kind, values = receive(source)
        if kind == b"V":
            value, changed = values
            if changed is not None:
                follow([args, kwargs], changed)
            return value
        if kind == b"X":
            raise exception(*values)
        if kind == b"U":
            raise AnswerFailed(*values)
        leave(0)

    call.__name__ = entry
    return call


def exception(name, base, message):
    """An exception that the tests may expect: a builtin one, or one derived from it."""
    kind = getattr(builtins, base, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return AnswerFailed("%s: %s" % (name, message))
    try:
        return (kind if name == base else type(name, (kind,), {}))(message)
    except Exception:
        return AnswerFailed("%s: %s" % (name, message))


def follow(old, new):
    """Changes the arguments of a call in place, as the function did on its side."""
    if type(old) is list:
        for index in range(min(len(old), len(new))):
            old[index] = merged(old[index], new[index])
        old[len(new) :] = new[len(old) :]
    elif type(old) is dict:
        items = {key: merged(old[key], item) if key in old else item for key, item in new.items()}
        old.clear()
        old.update(items)
    elif type(old) is set:
        old.clear()
        old.update(new)
    elif type(old) is bytearray:
        old[:] = new


def merged(old, new):
    if type(old) is type(new) and type(old) in (list, dict, set, bytearray):
        follow(old, new)
        return old
    return new


main()
