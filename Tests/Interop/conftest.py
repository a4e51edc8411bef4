"""A running `tidewheel dev` for the tests with other makers' clients: the program that `swift build` made, on private servers."""
import contextlib
import http.server
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading

import pytest

from shell import Shell

# What dev and its children have said since it was ready.
OUTPUT = []
# Where the stores of that dev are, as it said at its start.
STORES = {}
ROOT = pathlib.Path(__file__).resolve().parents[2]

PAGES = {
    "/": "<title>Home</title><p>Welcome to the harbour.</p><a href='/tides'>tides</a> <a href='/boats'>boats</a>",
    "/tides": "<title>Tides</title><p>High water comes twice a day.</p>",
    "/boats": "<title>Boats</title><p>A ketch has two masts.</p>",
}


class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        page = PAGES.get(self.path)
        body = (page or "not here").encode()
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def site():
    """The address of a web site with three pages."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def program():
    found = os.environ.get("TIDEWHEEL") or next((str(p) for p in (ROOT / ".build").glob("debug/tidewheel")), None)
    assert found, "build first: swift build, or set TIDEWHEEL to the program"
    return found


@pytest.fixture(scope="session")
def output(api):
    """The lines that dev and its children have said."""
    return OUTPUT


@pytest.fixture(scope="session")
def stores(api):
    """The settings that name its Redis and its PostgreSQL."""
    return STORES


@contextlib.contextmanager
def directory_of_servers():
    """Short, because unix sockets are made below it; open to passers-by, because PostgreSQL runs as another user under root."""
    directory = tempfile.mkdtemp(prefix="tw-", dir="/tmp")
    os.chmod(directory, 0o711)
    yield f"{directory}/d"
    shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def installation(program, site, home):
    """A `tidewheel dev`: the address of its API, and what it said until it was ready. What it says later goes to OUTPUT."""
    process = subprocess.Popen(
        [program, "dev", "--port", "0", "--directory", home, "--allow", site.removeprefix("http://"),
         "--set", "TIDEWHEEL_WEBHOOK_ALLOW=127.0.0.1"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    said = []
    for line in process.stdout:
        said.append(line)
        found = re.match(r"tidewheel dev is ready: (\S+)", line)
        if found:
            break
    else:
        pytest.fail("dev did not start:\n" + "".join(said))
    threading.Thread(target=lambda: OUTPUT.extend(process.stdout), daemon=True).start()
    yield found.group(1), "".join(said)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0


@pytest.fixture(scope="session")
def home():
    """Where dev keeps its servers."""
    with directory_of_servers() as directory:
        yield directory


@pytest.fixture(scope="session")
def api(program, site, home):
    """The address of the API."""
    with installation(program, site, home) as (address, said):
        STORES["REDIS_URL"] = re.search(r"^  Redis +(\S+)", said, re.M).group(1)
        STORES["DATABASE_URL"] = re.search(r"^  Postgres +psql '([^']+)'", said, re.M).group(1)
        yield address


@pytest.fixture(scope="session")
def shell(program, api):
    """The command line, asking that API."""
    return Shell(program, api)
