"""The program as a person at a terminal and a script in a pipe run it."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

import pytest

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Shell:
    """Runs the program, in a pipe or on a terminal."""

    def __init__(self, program, api):
        self.program = program
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("TIDEWHEEL_") and k not in ("NO_COLOR", "COLUMNS")}
        self.environment |= {"TIDEWHEEL_URL": api, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}

    def pipe(self, *arguments, input="", timeout=60, **environment):
        done = subprocess.run([self.program, *arguments], input=input, capture_output=True, text=True, timeout=timeout,
                              env=self.environment | environment)
        assert "\x1b" not in done.stdout + done.stderr
        return done

    def json(self, *arguments, **more):
        done = self.pipe(*arguments, "-o", "json", **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def terminal(self, *arguments, columns=80, keys=b"", timeout=60, program=None, until=None, **environment):
        """(exit status, everything that was written to the terminal)"""
        child, master = pty.fork()
        if child == 0:
            os.execvpe(program or self.program, [program or self.program, *arguments], self.environment | environment)
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        written, deadline, typed = b"", time.monotonic() + timeout, False
        try:
            while time.monotonic() < deadline:
                if not select.select([master], [], [], 0.1)[0]:
                    continue
                try:
                    piece = os.read(master, 65536)
                except OSError:
                    break
                if not piece:
                    break
                written += piece
                if keys and not typed and re.search(until or b"", written):
                    os.write(master, keys)
                    typed = True
            else:
                os.kill(child, signal.SIGKILL)
                pytest.fail(f"{arguments} did not end: {written!r}")
        finally:
            _, status = os.waitpid(child, 0)
            os.close(master)
        return os.waitstatus_to_exitcode(status), written.decode()


def width(text):
    """Columns that a terminal gives a text."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
