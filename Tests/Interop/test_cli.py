"""The command line as people and scripts use it: every command in a pseudo-terminal and in a pipe, against a running installation."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
import unicodedata

import httpx
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


@pytest.fixture(scope="module")
def shell(program, api):
    return Shell(program, api)


@pytest.fixture(scope="module")
def completed(shell):
    done = shell.pipe("job", "submit", "generate", "--set", "prompt=日本語のプロンプト", "--set", "model=echo", "--title", "題名 \x1b[31mred " + "x" * 90)
    assert done.returncode == 0, done.stderr
    job = done.stdout.strip()
    assert shell.pipe("job", "wait", job).stdout == f"{job}  completed\n"
    return job


@pytest.fixture(scope="module")
def failed(shell):
    """A dead letter: nobody may crawl that address."""
    job = shell.pipe("job", "submit", "web_crawl", "--set", "url=http://127.0.0.1:1/", "--tag", "cli").stdout.strip()
    assert shell.pipe("job", "wait", job).returncode == 1
    return job


@pytest.fixture
def scheduled(shell):
    job = shell.pipe("job", "submit", "generate", "--set", "prompt=x", "--set", "model=echo", "--delay", "1h").stdout.strip()
    yield job
    shell.pipe("job", "cancel", job)


@pytest.fixture(scope="module")
def presentation(shell):
    job = shell.pipe("job", "submit", "presentation", "--set", "topic=Tides", "--subject", "sea").stdout.strip()
    assert shell.pipe("job", "wait", job).returncode == 1
    return job


@pytest.fixture(scope="module")
def schedule(shell):
    done = shell.pipe("schedule", "create", "cli nightly", "--kind", "generate", "--expression", "30 2 * * *", "--time-zone", "Europe/Berlin",
                      "--set", "prompt=hello", "--set", "model=echo", "--priority", "low")
    assert done.returncode == 0, done.stderr
    yield "cli nightly"
    assert shell.pipe("schedule", "delete", "cli nightly").returncode == 0


# Arguments, and the status they end with; words in capitals are fixtures.
EVERYWHERE = [
    (["job", "list"], 0), (["job", "list", "--all", "--status", "completed,failed", "--kind", "generate", "--since", "1d"], 0),
    (["job", "list", "--search", "nothingliketh1s"], 0), (["job", "get", "COMPLETED"], 0), (["job", "get", "FAILED"], 0),
    (["job", "watch", "COMPLETED"], 0), (["job", "watch", "COMPLETED", "FAILED"], 1), (["job", "wait", "COMPLETED"], 0),
    (["job", "wait", "FAILED"], 1), (["job", "result", "COMPLETED"], 0), (["job", "result", "FAILED"], 1), (["job", "logs", "COMPLETED"], 0),
    (["job", "cancel", "COMPLETED"], 4), (["job", "retry", "COMPLETED"], 4), (["job", "promote", "COMPLETED"], 4),
    (["job", "cancel", "COMPLETED", "COMPLETED"], 4), (["job", "get", "nothing"], 3), (["job", "watch", "nothing"], 3), (["job", "logs", "nothing"], 3),
    (["job", "submit", "nokind"], 4), (["job", "submit", "generate", "--input", "{}"], 4), (["job", "submit", "generate", "--input", "{"], 2),
    (["job", "submit", "generate", "--set", "prompt=x", "--set", "model=echo", "--wait"], 0),
    (["job", "submit", "generate", "--set", "prompt=x", "--set", "model=echo", "--watch"], 0),
    (["job", "submit", "web_crawl", "--set", "url=http://127.0.0.1:1/", "--watch"], 1),
    (["queue", "list"], 0), (["queue", "pause", "presentations", "--by", "test"], 0), (["queue", "resume", "presentations"], 0),
    (["queue", "pause", "none"], 3), (["kind", "list"], 0), (["kind", "get", "web_crawl"], 0), (["kind", "get", "none"], 3),
    (["worker", "list"], 0), (["worker", "drain", "nobody"], 3), (["dead", "list"], 0), (["dead", "list", "--error-type", "none"], 0),
    (["dead", "retry", "--tag", "none", "--yes"], 0), (["schedule", "list"], 0), (["schedule", "get", "SCHEDULE"], 0),
    (["schedule", "change", "SCHEDULE", "--disable"], 0), (["schedule", "change", "SCHEDULE", "--expression", "never"], 4),
    (["schedule", "change", "SCHEDULE"], 2), (["schedule", "run", "SCHEDULE"], 0), (["schedule", "delete", "none"], 3),
    (["schedule", "create", "SCHEDULE", "--kind", "generate", "--expression", "@daily", "--set", "prompt=x"], 4),
    (["presentation", "list"], 0), (["presentation", "get", "PRESENTATION"], 0), (["presentation", "move", "PRESENTATION", "--to", "tides"], 0),
    (["presentation", "move", "nothing", "--to", "tides"], 4), (["subject", "list"], 0), (["subject", "rename", "none", "other"], 3),
    (["subject", "merge", "none", "--into", "tides"], 0), (["completion", "zsh"], 0), (["completion", "fish"], 0), (["man"], 0), (["man", "job", "submit"], 0),
    (["man", "none"], 2), (["--version"], 0), (["--help"], 0), (["job"], 0), (["job", "--help"], 0), (["nonsense"], 2), (["job", "nonsense"], 2),
    (["job", "submit"], 2),
]


def filled(arguments, request):
    return [request.getfixturevalue(word.lower()) if word.isupper() and len(word) > 3 else word for word in arguments]


@pytest.mark.parametrize("arguments,status", EVERYWHERE, ids=lambda value: "-".join(value) if isinstance(value, list) else "")
def test_every_command_in_a_pipe_and_on_a_terminal(shell, request, arguments, status):
    arguments = filled(arguments, request)
    piped = shell.pipe(*arguments)
    assert piped.returncode == status, piped.stdout + piped.stderr
    assert status in (0, 1) or piped.stderr.startswith("Error: "), piped.stderr
    assert status == 0 or not piped.stderr.endswith("\n\n")
    status_there, text = shell.terminal(*arguments, columns=60)
    assert status_there == status, text
    if arguments[1:2] == ["list"]:
        for line in ESCAPE.sub("", text).split("\r\n"):
            assert width(line) <= 110, line


@pytest.mark.parametrize("noun", ["job", "queue", "kind", "worker", "dead", "schedule", "presentation", "subject"])
def test_lists_in_every_form(shell, noun, completed, failed, schedule, presentation):
    table = shell.pipe(noun, "list").stdout.splitlines()
    array = shell.json(noun, "list")
    lines = [json.loads(line) for line in shell.pipe(noun, "list", "-o", "jsonl").stdout.splitlines()]
    assert len(array) == len(lines) == len(table) - 1 > 0
    assert [sorted(item) for item in array] == [sorted(item) for item in lines]


def test_a_table_fits_the_terminal_and_strangers_text_does_no_harm(shell, completed):
    for columns in (80, 100, 140):
        status, text = shell.terminal("job", "list", "--limit", "200", "--kind", "generate", columns=columns, NO_COLOR="1")
        assert status == 0
        assert "\x1b" not in text
        lines = text.split("\r\n")
        assert any("題名" in line and "…" in line for line in lines)
        assert max(map(width, lines)) <= columns
    _, text = shell.terminal("job", "list", "--limit", "5", columns=80)
    assert "\x1b[32mcompleted" in text and "\x1b[31mred" not in text
    _, text = shell.terminal("job", "list", "--color", "never", TERM="xterm")
    assert "\x1b" not in text
    done = subprocess.run([shell.program, "job", "list", "--color", "always"], env=shell.environment, capture_output=True, text=True)
    assert "\x1b[32m" in done.stdout


def test_all_goes_through_every_page(shell, api):
    jobs = [{"kind": "generate", "input": {"prompt": str(n)}, "tags": ["cli-many"], "delay": 3600} for n in range(450)]
    assert httpx.post(f"{api}/jobs/batch", json={"jobs": jobs}).json()["accepted"] == 450
    ids = [json.loads(line)["job_id"] for line in shell.pipe("job", "list", "--tag", "cli-many", "--all", "-o", "jsonl").stdout.splitlines()]
    assert len(ids) == len(set(ids)) == 450
    assert len(shell.json("job", "list", "--tag", "cli-many", "--limit", "230")) == 230
    done = shell.pipe("job", "list", "--tag", "cli-many")
    assert len(done.stdout.splitlines()) == 51 and "--all" in done.stderr
    cancelled = shell.pipe("job", "cancel", *ids)
    assert cancelled.returncode == 0 and cancelled.stdout.count("cancelled") == 450


def test_inputs_from_everywhere(shell, tmp_path):
    def prompt(*arguments, **more):
        job = shell.pipe("job", "submit", "generate", "--delay", "1h", *arguments, **more)
        assert job.returncode == 0, job.stderr
        found = json.loads(shell.pipe("job", "list", "--limit", "1", "-o", "jsonl").stdout)
        assert found["job_id"] == job.stdout.strip()
        shell.pipe("job", "cancel", job.stdout.strip())
        return httpx.get(f"{shell.environment['TIDEWHEEL_URL']}/jobs", params={"limit": 1, "fields": "input"}).json()["jobs"][0]["input"]["prompt"]

    (tmp_path / "input.json").write_text('{"prompt": "from a file"}')
    assert prompt("--input", '{"prompt": "given"}') == "given"
    assert prompt("--input", f"@{tmp_path}/input.json") == "from a file"
    assert prompt("--input", "-", input='{"prompt": "through a pipe"}') == "through a pipe"
    assert prompt("--set", "prompt=5") == "5"
    assert prompt("--input", '{"prompt": "x"}', "--set", "prompt=a=b") == "a=b"
    assert shell.pipe("job", "submit", "generate", "--input", "@/nowhere").returncode == 2


def test_a_repeated_key_is_one_job(shell):
    first, again = (shell.pipe("job", "submit", "generate", "--set", "prompt=x", "--set", "model=echo", "--idempotency-key", "cli-1") for _ in range(2))
    assert first.stdout == again.stdout != ""


def test_a_watch_on_a_terminal_draws_bars(shell, site):
    jobs = [shell.pipe("job", "submit", "web_crawl", "--set", f"url={site}/").stdout.strip() for _ in range(3)]
    status, text = shell.terminal("job", "watch", *jobs, columns=100)
    assert status == 0, text
    assert "\x1b[3A" in text and "\x1b[K" in text and "█" * 20 in text
    last = ESCAPE.sub("", text).replace("\r", "").split("\n")[-4:-1]
    assert [line.split()[0] for line in last] == jobs
    assert all("100%" in line and "completed" in line for line in last)
    status, text = shell.terminal("job", "watch", jobs[0], TERM="dumb")
    assert status == 0 and "\x1b" not in text and "completed" in text
    events = [json.loads(line) for line in shell.pipe("job", "watch", *jobs, "-o", "jsonl").stdout.splitlines()]
    for job in jobs:
        numbers = [event["seq"] for event in events if event["job_id"] == job]
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 3


@pytest.mark.parametrize("where", ["pipe", "terminal"])
def test_ctrl_c_stops_the_watching_and_says_how_to_go_on(shell, scheduled, where):
    if where == "terminal":
        status, text = shell.terminal("job", "watch", scheduled, keys=b"\x03", until=b"scheduled")
    else:
        watch = subprocess.Popen([shell.program, "job", "watch", scheduled], env=shell.environment, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, start_new_session=True)
        assert "scheduled" in watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        _, text = watch.communicate(timeout=20)
        status = watch.returncode
    assert status == 130
    assert f"tidewheel job watch {scheduled}" in text
    assert shell.json("job", "get", scheduled)["status"] == "scheduled"


def test_waiting_has_an_end(shell, scheduled):
    begin = time.monotonic()
    done = shell.pipe("job", "wait", scheduled, "--timeout", "1s")
    assert done.returncode == 7 and f"tidewheel job watch {scheduled}" in done.stderr
    assert time.monotonic() - begin < 10
    assert shell.pipe("job", "promote", scheduled).returncode == 0
    assert shell.pipe("job", "wait", scheduled, "--timeout", "30s").returncode == 0


def test_a_reader_that_goes_away_ends_it_quietly(shell, completed):
    for disposition in (signal.SIG_DFL, signal.SIG_IGN):
        listing = subprocess.Popen([shell.program, "completion", "bash"], env=shell.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   restore_signals=False, preexec_fn=lambda: signal.signal(signal.SIGPIPE, disposition))
        listing.stdout.close()
        assert listing.stderr.read() == b""
        assert listing.wait(timeout=20) in (-signal.SIGPIPE, 128 + signal.SIGPIPE)


def test_dead_letters_are_retried_when_somebody_says_so(shell, failed):
    asked = shell.pipe("dead", "retry", "--tag", "cli")
    assert asked.returncode == 2 and "would be retried" in asked.stderr and "--yes" in asked.stderr
    status, text = shell.terminal("dead", "retry", "--tag", "cli", keys=b"n\n", until=rb"\[y/N\]")
    assert status == 1 and "Nothing was retried" in text
    assert shell.json("job", "get", failed)["attempt"] == 1
    status, text = shell.terminal("dead", "retry", "--tag", "cli", keys=b"y\n", until=rb"\[y/N\]")
    assert status == 0 and "1 retried" in text
    assert shell.pipe("job", "wait", failed).returncode == 1
    assert shell.json("job", "get", failed)["attempt"] == 2
    assert shell.pipe("dead", "retry", "--tag", "cli", "--yes").stdout == "1 retried\n"
    assert shell.pipe("job", "wait", failed).returncode == 1


def test_presentations_are_sorted(shell, presentation):
    assert shell.pipe("presentation", "move", presentation, "--to", "sea").stdout == "1 moved to sea\n"
    assert shell.pipe("presentation", "move", presentation, "--to", "x", "--from", "elsewhere").stdout == "0 moved to x\n"
    assert shell.pipe("subject", "rename", "sea", "ocean").stdout == "1 now under ocean\n"
    assert shell.pipe("subject", "merge", "ocean", "--into", "tides").stdout == "1 now under tides\n"
    assert [item["topic"] for item in shell.json("presentation", "list", "--subject", "tides")] == ["Tides"]
    assert {item["subject"] for item in shell.json("subject", "list")} >= {"tides"}


def test_a_schedule_is_changed_by_its_name(shell, schedule):
    made = shell.json("schedule", "get", schedule)
    assert made["time_zone"] == "Europe/Berlin" and made["priority"] == "low"
    changed = shell.json("schedule", "change", schedule, "--expression", "@hourly", "--enable", "--set", "prompt=6")
    assert changed["expression"] == "@hourly" and changed["input"]["prompt"] == "6" and changed["time_zone"] == "Europe/Berlin"
    job = shell.pipe("schedule", "run", made["schedule_id"]).stdout.strip()
    assert shell.json("job", "get", job)["kind"] == "generate"


def test_without_an_api_the_next_step_is_told(shell):
    begin = time.monotonic()
    done = shell.pipe("queue", "list", TIDEWHEEL_URL="http://127.0.0.1:1")
    assert done.returncode == 5 and time.monotonic() - begin < 3
    assert "http://127.0.0.1:1" in done.stderr and "tidewheel api" in done.stderr and "TIDEWHEEL_URL" in done.stderr
    assert shell.pipe("queue", "list", "--url", "nonsense").returncode == 2
    assert shell.pipe("queue", "list", "--key-file", "/nowhere").returncode == 1


def test_keys_come_from_the_environment_or_a_file(shell, program, stores, tmp_path):
    api = subprocess.Popen([program, "api", "--port", "0", "--set", "TIDEWHEEL_API_KEYS=required"], env=shell.environment | stores,
                           stdout=subprocess.PIPE, text=True)
    try:
        url = re.search(r"http://\S+", api.stdout.readline()).group(0)
        key = shell.pipe("key", "create", "--name", "cli", "--scopes", "read", **stores).stdout.strip()
        assert key.startswith("twk_")
        (tmp_path / "key").write_text(key + "\n")
        missing = shell.pipe("queue", "list", "--url", url)
        assert missing.returncode == 6 and "TIDEWHEEL_API_KEY" in missing.stderr
        assert shell.pipe("queue", "list", "--url", url, TIDEWHEEL_API_KEY="twk_wrong").returncode == 6
        deadline = time.monotonic() + 20
        while shell.pipe("queue", "list", "--url", url, TIDEWHEEL_API_KEY=key).returncode != 0 and time.monotonic() < deadline:
            pass
        assert shell.pipe("queue", "list", "--url", url, "--key-file", str(tmp_path / "key")).returncode == 0
        assert shell.pipe("queue", "list", "--url", url, TIDEWHEEL_API_KEY_FILE=str(tmp_path / "key")).returncode == 0
        denied = shell.pipe("queue", "pause", "models", "--url", url, TIDEWHEEL_API_KEY=key)
        assert denied.returncode == 6 and "manage" in denied.stderr and key not in denied.stderr
        listed = shell.pipe("key", "list", **stores)
        assert "cli" in listed.stdout
        assert shell.pipe("key", "revoke", key, **stores).returncode == 0
    finally:
        api.send_signal(signal.SIGTERM)
        assert api.wait(timeout=40) == 0


def test_the_doctor_finds_nothing_wrong(shell, stores):
    report = shell.pipe("doctor", "-o", "json", TIDEWHEEL_MODELS="echo", **stores)
    checks = json.loads(report.stdout)
    # Only the stand-in for a model is worth a warning.
    assert {check["name"] for check in checks["checks"] if check["status"] != "ok"} == {"models"}, report.stdout
    assert report.returncode == 8 and checks["status"] == "warn"
    assert len(checks["checks"]) > 15
    status, text = shell.terminal("doctor", columns=120, TIDEWHEEL_MODELS="echo", **stores)
    assert status == 8 and "\x1b[32mok" in text and "→" in text
    quiet = shell.pipe("doctor", "--quiet", TIDEWHEEL_MODELS="echo", **stores)
    assert len(quiet.stdout.splitlines()) == 2


def test_the_doctor_says_what_is_away_and_takes_no_longer_than_it_may(shell, tmp_path):
    begin = time.monotonic()
    report = shell.pipe("doctor", "-o", "jsonl", "--within", "4s", "--url", "http://127.0.0.1:1", REDIS_URL="redis://127.0.0.1:1",
                        DATABASE_URL="postgresql://127.0.0.1:1/x", OLLAMA_URL="http://127.0.0.1:1", QDRANT_URL="http://127.0.0.1:1",
                        TIDEWHEEL_DECK_DIRECTORY=str(tmp_path / "none"))
    assert time.monotonic() - begin < 15
    assert report.returncode == 1
    checks = {check["name"]: check for check in map(json.loads, report.stdout.splitlines())}
    assert {name for name, check in checks.items() if check["status"] == "fail"} >= {"redis", "postgresql", "models", "qdrant", "TIDEWHEEL_DECK_DIRECTORY"}
    assert all(check["mend"] for check in checks.values() if check["status"] != "ok")


def test_the_doctor_sees_what_is_set_wrong(shell, stores):
    redis = ["redis-cli", "-s", stores["REDIS_URL"].removeprefix("unix://")]
    try:
        subprocess.run([*redis, "config", "set", "maxmemory-policy", "allkeys-lru"], check=True, capture_output=True)
        subprocess.run([*redis, "config", "set", "hash-max-listpack-value", "64"], check=True, capture_output=True)
        subprocess.run([*redis, "xadd", "models_jobs:low", "1-1", "job_id", "x"], check=True, capture_output=True)
        report = shell.pipe("doctor", "--quiet", **stores)
        assert report.returncode == 1
        assert "noeviction" in report.stdout and "hash-max-listpack-value 1024" in report.stdout
    finally:
        subprocess.run([*redis, "config", "set", "maxmemory-policy", "noeviction"], check=True, capture_output=True)
        subprocess.run([*redis, "config", "set", "hash-max-listpack-value", "1024"], check=True, capture_output=True)


def test_bash_completes_commands_flags_and_kinds(shell, tmp_path):
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "tidewheel").symlink_to(pathlib.Path(shell.program).resolve())
    script = tmp_path / "completion"
    script.write_text(shell.pipe("completion", "bash").stdout)
    subprocess.run(["bash", "-n", script], check=True)
    environment = shell.environment | {"PATH": f"{directory}:{os.environ['PATH']}"}

    def complete(line):
        words = line.split(" ")
        ask = (f"source {script}; COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({' '.join(words[:-1])} '{words[-1]}'); "
               f"COMP_CWORD={len(words) - 1}; _tidewheel tidewheel '{words[-1]}' '{words[-2]}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        done = subprocess.run(["bash", "--norc", "-c", ask], env=environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return {word.strip() for word in done.stdout.splitlines() if word.strip()}

    assert complete("tidewheel job s") == {"submit"}
    assert complete("tidewheel sch") == {"schedule"}
    assert "--idempotency-key" in complete("tidewheel job submit --id")
    assert complete("tidewheel job list --status comp") == {"completed"}
    assert complete("tidewheel kind get web_") == {"web_crawl"}
    assert complete("tidewheel queue pause in") == {"ingest"}
    assert complete("tidewheel completion b") == {"bash"}


def test_bash_completes_at_a_prompt(shell, tmp_path):
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "tidewheel").symlink_to(pathlib.Path(shell.program).resolve())
    rc = tmp_path / "rc"
    rc.write_text(f"PS1='ready> '\nbind 'set enable-bracketed-paste off'\n{shell.pipe('completion', 'bash').stdout}\n")
    _, text = shell.terminal("--rcfile", str(rc), "-i", program=shutil.which("bash"), until=b"ready> ",
                             keys=b"echo tidewheel kind get; tidewheel kind g\tweb_\t >/dev/null && echo it-$((20+1)); exit\n",
                             PATH=f"{directory}:{os.environ['PATH']}")
    assert "tidewheel kind get web_crawl" in text and "it-21" in text


def test_manual_pages_have_no_faults(shell, tmp_path):
    assert shell.pipe("man", "--directory", str(tmp_path)).returncode == 0
    pages = sorted(tmp_path.glob("*.1"))
    assert len(pages) > 50
    assert {"tidewheel.1", "tidewheel-job-submit.1", "tidewheel-worker-drain.1", "tidewheel-doctor.1"} <= {page.name for page in pages}
    if not shutil.which("man") or not shutil.which("groff"):
        pytest.skip("there is no man(1) to read them with")
    for page in pages:
        done = subprocess.run(["man", "--warnings=w", "-l", str(page)], env=os.environ | {"MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
                              capture_output=True, text=True)
        assert done.returncode == 0 and done.stderr == "", f"{page.name}: {done.stderr}"
        assert "NAME" in done.stdout and "SYNOPSIS" in done.stdout
    text = subprocess.run(["man", "-l", str(tmp_path / "tidewheel-job-submit.1")], capture_output=True, text=True,
                          env=os.environ | {"MANWIDTH": "100", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}).stdout
    assert "--idempotency-key" in text and "tidewheel-job(1)" in text.replace(" (1)", "(1)")


def test_openapi_is_what_the_api_gives(shell, api):
    answer = httpx.get(f"{api}/openapi.json")
    done = shell.pipe("openapi")
    assert done.returncode == (0 if answer.status_code == 200 else 3)
    assert answer.status_code != 200 or json.loads(done.stdout) == answer.json()


def test_a_worker_that_is_drained_leaves(shell):
    """Last: dev starts another one in its place."""
    before = [worker for worker in shell.json("worker", "list") if worker["status"] == "alive"]
    assert shell.pipe("worker", "drain", before[0]["name"]).stdout == f"{before[0]['name']}  draining\n"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        alive = {worker["name"] for worker in shell.json("worker", "list") if worker["status"] == "alive"}
        if len(alive) == len(before) and not alive & {worker["name"] for worker in before}:
            break
        time.sleep(0.2)
    else:
        pytest.fail(f"{before} and {alive}")
