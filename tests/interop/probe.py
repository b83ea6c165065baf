#!/usr/bin/env python3
"""A process that writes down what it sees: probe NAME [--exit CODE] [--after SECONDS] [--ignore SIGNAL]… [--say TEXT]

Each line of the file PROBE_LOG is one event as JSON. Without --after it runs until it is signalled. It ends with 0 when it
gets a signal that it does not ignore.
"""
import argparse
import json
import os
import signal
import sys
import time


def note(**event):
    line = json.dumps({"at": time.time(), "name": arguments.name, **event}) + "\n"
    with open(os.environ["PROBE_LOG"], "a", encoding="utf-8") as log:
        log.write(line)


def kind_of_stdin():
    target = os.readlink("/proc/self/fd/0")
    for begin, kind in (("/dev/null", "null"), ("/dev/pts/", "terminal"), ("pipe:", "pipe"), ("socket:", "pipe")):
        if target.startswith(begin):
            return kind
    return target


def parent():
    """The command line of the parent if that is a shell, else nothing: how a shell is called is part of what is compared."""
    with open(f"/proc/{os.getppid()}/cmdline", encoding="utf-8") as file:
        words = file.read().rstrip("\0").split("\0")
    shell = os.path.basename(words[0])
    return f"{shell} -c" if shell in ("sh", "bash", "dash") and words[1:2] == ["-c"] else ""


def on_signal(number, _frame):
    note(event="signal", signal=signal.Signals(number).name)
    if signal.Signals(number).name not in arguments.ignore:
        note(event="exit", code=0)
        os._exit(0)


parser = argparse.ArgumentParser()
parser.add_argument("name")
parser.add_argument("--exit", type=int, default=0)
parser.add_argument("--after", type=float)
parser.add_argument("--ignore", action="append", default=[])
parser.add_argument("--say")
arguments, rest = parser.parse_known_args()
for name in ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"):
    signal.signal(getattr(signal, name), on_signal)
note(event="start", argv=rest, cwd=os.getcwd(), env=dict(os.environ), stdin=kind_of_stdin(), shell=parent())
if arguments.say:
    print(arguments.say, flush=True)
end = time.time() + arguments.after if arguments.after is not None else None
while end is None or time.time() < end:
    time.sleep(min(60, end - time.time()) if end is not None else 60)
note(event="exit", code=arguments.exit)
sys.exit(arguments.exit)
