"""The OpenAPI document as other makers' tools read it: it is valid, its examples fit, and a running API does what it says."""
import copy
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys

import httpx
import jsonschema
import pytest
from openapi_spec_validator import validate

from conftest import directory_of_servers, installation

HERE = pathlib.Path(__file__).parent
CHECKS = [
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance",
]
# Streams and sockets have no end to wait for; the protocol of /mcp has tests of its own.
UNENDING = r"(events|/ws|/mcp)$"


@pytest.fixture(scope="module")
def api(program, site):
    """An installation of its own: what is tried here pauses queues and sends workers away, and others register kinds in theirs."""
    with directory_of_servers() as home, installation(program, site, home) as (address, _):
        yield address


@pytest.fixture(scope="module")
def document(api):
    answer = httpx.get(f"{api}/openapi.json")
    assert answer.status_code == 200
    assert httpx.get(f"{api}/openapi.json", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    return answer.json()


def closed(document):
    """The document with answers that may have no member that it does not name."""
    def close(schema):
        if isinstance(schema, dict):
            if schema.get("type") == "object" and "properties" in schema:
                schema.setdefault("additionalProperties", False)
            for part in schema.values():
                close(part)
        elif isinstance(schema, list):
            for part in schema:
                close(part)

    document = copy.deepcopy(document)
    for name, schema in document["components"]["schemas"].items():
        if not name.endswith("_job"):  # half of a submission: the other half has the rest
            close(schema)
    return document


def test_the_document_is_valid(document):
    validate(document)


def test_the_command_prints_the_same(document, program):
    printed = subprocess.run([program, "openapi"], capture_output=True, check=True, text=True).stdout
    assert json.loads(printed) == document


def test_examples_fit_their_schemas(document):
    document = closed(document)
    formats = jsonschema.FormatChecker(["date-time", "uuid"])

    def contents():
        for path, item in document["paths"].items():
            for method, operation in item.items():
                yield f"{method} {path}", operation.get("requestBody", {}).get("content", {})
                for status, response in operation["responses"].items():
                    if "$ref" in response:
                        response = document["components"]["responses"][response["$ref"].split("/")[-1]]
                    yield f"{method} {path} {status}", response.get("content", {})

    count = 0
    for place, content in contents():
        for media in content.values():
            examples = [one["value"] for one in media.get("examples", {}).values()] + ([media["example"]] if "example" in media else [])
            schema = {**media["schema"], "components": document["components"]}
            for example in examples:
                count += 1
                faults = [f.message for f in jsonschema.Draft202012Validator(schema, format_checker=formats).iter_errors(example)]
                assert faults == [], f"{place}: {faults}"
    assert count > 300


@pytest.fixture(scope="module")
def there(api, site):
    """By the segment of a path before a parameter: what may stand there. One thing of each sort, some more than once: what is deleted is gone."""
    def made(path, body, **headers):
        answer = httpx.post(f"{api}{path}", json=body, headers=headers, timeout=60)
        assert answer.status_code in (200, 201, 202), f"{path}: {answer.text}"
        return answer.json()

    crawl = {"kind": "web_crawl", "input": {"url": f"{site}/"}, "subject": "there"}
    webhooks = [made("/webhooks", {"url": f"{site}/", "subjects": ["there"]})["webhook_id"] for _ in range(3)]
    done = made("/jobs", crawl, Prefer="wait=30")["job_id"]
    assert httpx.get(f"{api}/jobs/{done}/result").status_code == 200
    made("/kinds", {"kinds": [{"kind": "by_hand", "summary": "for a worker over HTTP"}]})
    taken = [made("/jobs", {"kind": "by_hand"})["job_id"] for _ in range(2)]
    leases = [one["lease"] for one in made("/work/claim", {"kinds": ["by_hand"], "max": 2, "wait": 20, "worker": "hand"})["jobs"]]
    found = {
        "jobs": [done, made("/jobs", {**crawl, "delay": 3600})["job_id"], made("/jobs", {"kind": "by_hand"})["job_id"], *taken],
        "flows": [made("/flows", {"jobs": [{**crawl, "name": "one"}]})["flow_id"] for _ in range(2)],
        "schedules": [made("/schedules", {**crawl, "name": f"n{n}", "expression": "@every 1h"})["schedule_id"] for n in range(3)],
        "presentations": [made("/api/presentations", {"n_slides": 3, "topic": "Tides", "user_id": "u"})["job_id"]],
        "webhooks": webhooks, "work": leases, "kinds": ["by_hand", "web_crawl"], "queues": ["ingest"], "mcp": ["get_job"],
        "workers": [one["name"] for one in httpx.get(f"{api}/workers").json()["workers"]],
        "deliveries": [one["delivery_id"] for one in httpx.get(f"{api}/webhooks/{webhooks[0]}/deliveries").json()["deliveries"]],
    }
    assert all(found.values()), found
    return found


def run(document, api, directory, *arguments, there=None):
    path = directory / "openapi.json"
    path.write_text(json.dumps(document))
    command = [
        str(pathlib.Path(sys.executable).with_name("schemathesis")), "--config-file", str(HERE / "schemathesis.toml"), "run", str(path), "--url", api, "--checks", ",".join(CHECKS),
        "--seed", "20261121", "--generation-database", "none", "--generation-allow-x00", "false", "--no-shrink", "--no-color",
        "--suppress-health-check", "all", "--request-timeout", "20", "--exclude-path-regex", UNENDING, *arguments,
    ]
    environment = {
        **os.environ, "PYTHONPATH": str(HERE), "SCHEMATHESIS_HOOKS": "openapi_hooks", "TIDEWHEEL_THERE": json.dumps(there or {}),
    }
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=600)


def test_a_running_api_does_what_it_says(document, api, there, tmp_path):
    # By one thread: where two make data, hypothesis trips over its own caches once in ten runs.
    done = run(closed(document), api, tmp_path, "--phases", "fuzzing", "--max-examples", "5", "--workers", "1", there=there)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert "Test cases:" in done.stdout


@pytest.mark.parametrize("body", [None, b"", b"{}", b"not json"])
def test_a_connection_that_ends_is_said_to_end(document, api, body):
    """Clients send their next request on a connection that was not said to end, and cannot know whether it was heard."""
    host = api.removeprefix("http://")
    unsaid = []
    for path, item in document["paths"].items():
        for method in {"get", "post", "put", "patch", "delete"} & item.keys():
            connection = http.client.HTTPConnection(host, timeout=30)
            connection.request(method.upper(), re.sub(r"{.*?}", "x", path), body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            if answer.getheader("Connection") != "close" and answer.getheader("Content-Type") != "text/event-stream":
                answer.read()
                try:
                    connection.request("GET", "/livez")
                    connection.getresponse().read()
                except (http.client.HTTPException, OSError) as error:
                    unsaid.append(f"{method} {path} {answer.status}: {error!r}")
            connection.close()
    assert unsaid == []


def test_a_document_that_lies_is_found_out(document, api, tmp_path):
    """The run above can fail: it is told of members and statuses that are not there."""
    lie = closed(document)
    lie["paths"] = {"/livez": lie["paths"]["/livez"], "/queues": lie["paths"]["/queues"]}
    del lie["components"]["schemas"]["Queue"]["properties"]["waiting"]
    lie["components"]["schemas"]["Queue"]["required"].remove("waiting")
    done = run(lie, api, tmp_path, "--phases", "fuzzing", "--max-examples", "1")
    assert done.returncode == 1
    assert "waiting" in done.stdout
