"""Interrupts that come where Python listens to no exception. Those at every call are in `tests/crash`."""

import signal
import subprocess
import sys

import pytest

# What Python calls last of all, while it takes itself apart, and no handler is left.
DYING = """
import os, signal
from polymask.__main__ import main

class Dying:
    def __del__(self, kill=os.kill, process=os.getpid()):
        kill(process, {number})

dying = Dying()
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_after_the_end_changes_nothing(number: signal.Signals) -> None:
    """Told to stop while the interpreter ends, a run that is done still says so by its exit code."""
    script = DYING.format(number=int(number))
    done = subprocess.run([sys.executable, "-c", script, "formats"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


# Python calls these when a thing goes, and drops what they raise; of the last it makes another error.
CALLBACKS = {
    "__del__": "Thing.__del__ = told\nthing = Thing()",
    "a weak reference": "thing = Thing()\nkept = weakref.ref(thing, told)",
    "a finalizer": "thing = Thing()\nweakref.finalize(thing, told, None)",
    "__set_name__": "thing = Thing()\nThing.__set_name__ = told\nclass Made:\n    made = thing",
}
TOLD = """
import os, signal, sys, time, weakref
from polymask.cli import app as cli

class Thing:
    pass

def told(*_):
    os.kill(os.getpid(), {number})
    time.sleep(30)

@cli.cli.command()
def formats():
    {callback}
    del thing
    print("done")

cli.main()
"""


@pytest.mark.parametrize("callback", CALLBACKS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_callback_swallows_an_interrupt(number: signal.Signals, callback: str) -> None:
    """It ends the run wherever it is raised, with its exit code and no traceback."""
    body = CALLBACKS[callback].replace("\n", "\n    ")
    script = TOLD.format(number=int(number), callback=body)
    done = subprocess.run([sys.executable, "-c", script, "formats"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (128 + number, b"")
    assert b"Traceback" not in done.stderr


DEAF = """
import hashlib, os, signal, sys, threading
from polymask.cli import app as cli

@cli.cli.command()
@cli.click.argument("place")
def formats(place):
    threading.Timer(0.2, os.kill, (os.getpid(), {number})).start()
    hashlib.pbkdf2_hmac("sha256", b"", b"", (1 << 31) - 1)

cli.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_connected_run_ends_though_it_cannot_listen(number: signal.Signals) -> None:
    """The main thread gets to answer no signal here: within two seconds the process ends all the same."""
    command = [sys.executable, "-c", DEAF.format(number=int(number)), "formats", "dataloop://a/b"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (128 + number, b"")
    assert done.stderr == b"polymask: interrupted; run the same command again to finish\n"
