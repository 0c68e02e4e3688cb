"""The answer's process: runs the model's program, then answers calls of one function with plain values.

Nothing here protects anything: the program can change all of it. It knows no test, and the other side believes it only what
the function could have returned as well.
"""


def main():
    source, sink = open_channel()
    process = getpid()
    send(sink, b"H")
    kind, (program, entry, minor, paths) = receive(source)
    sys.path.extend(paths)
    names = fresh_main()
    try:
        run(compile_for(program, minor), names)
        function = names[entry]
    except KeyError:
        outcome = (b"E", "NameError", "name %r is not defined" % entry)
    except BaseException as error:
        outcome = (b"E", *describe(error))
    else:
        outcome = (b"R",)
    if getpid() != process:
        leave(0)
    send(sink, *outcome)
    if outcome[0] == b"R":
        serve(source, sink, process, function)


def run(code, names):
    """Runs the program. One that ends itself as successful has defined what it wanted to define."""
    try:
        exec(code, names)
    except SystemExit as end:
        if end.code is not None and end.code != 0:
            raise


def describe(error):
    try:
        return type(error).__name__, str(error)[:500]
    except BaseException:
        return type(error).__name__, ""


def serve(source, sink, process, function):
    while True:
        kind, values = receive(source)
        if kind == b"Q":
            finish(source)
        number, args, kwargs = values
        reply = answer(function, args, kwargs)
        if getpid() != process:
            leave(0)
        send_body(sink, reply[0] + encode(number) + reply[1])


def answer(function, args, kwargs):
    """The kind of the reply and its bytes."""
    try:
        before = encode([args, kwargs])
        result = function(*args, **kwargs)
        value = encode(result)
        after = encode([args, kwargs])
        return b"V", value + (b"N" if after == before else after)
    except NotPlain as reason:
        return b"U", encode("the function gave %s" % reason)
    except BaseException as error:
        bases = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
        name, message = describe(error)
        return b"X", encode(name) + encode(bases[0]) + encode(message)


def finish(source):
    """Lets go of the outputs as the end of the program would: after its threads, and not before its child processes."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            pass
    threads = sys.modules.get("threading")
    if threads is not None:
        threads._shutdown()
    for output in (1, 2):
        try:
            os.close(output)
        except OSError:
            pass
    receive(source)


main()
