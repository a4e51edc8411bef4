"""Every message of the server, raw, against the schemas of the specification; and the checks of its conformance suite that need no fixtures."""
import concurrent.futures
import json
import pathlib
import subprocess
import time

import httpx
import jsonschema
import pytest
from every_tool import KINDS, TOOLS

SCHEMAS = {path.stem: json.loads(path.read_text()) for path in (pathlib.Path(__file__).parent / "schemas").glob("*.json")}
NEW, OLD, TASKS = "mcp-2026-07-28", "mcp-2025-11-25", "mcp-tasks"
VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
EXTENSION = {"extensions": {"io.modelcontextprotocol/tasks": {}}}


def valid(document, schema, name):
    """Throws unless the document is what the schema calls by this name."""
    whole = SCHEMAS[schema]
    key = "$defs" if "$defs" in whole else "definitions"
    jsonschema.Draft202012Validator({"$ref": f"#/{key}/{name}", key: whole[key]}).validate(document)
    return document


def meta(version="2026-07-28", capabilities=None, **more):
    return {VERSION: version, CAPABILITIES: capabilities or {}, **more}


class Raw:
    """Messages over HTTP as they are."""

    def __init__(self, api):
        self.client = httpx.Client(base_url=api, timeout=90)

    def send(self, message, headers=None):
        base = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        return self.client.post("/mcp", content=json.dumps(message), headers={**base, **(headers or {})})

    def modern(self, method, params=None, version="2026-07-28", header=None, id=1, meta_=None, headers=None):
        params = dict(params or {})
        if meta_ is not False:
            params["_meta"] = meta_ or meta(version)
        names = {"MCP-Protocol-Version": header or version, "Mcp-Method": method}
        if "name" in params or "taskId" in params:
            names["Mcp-Name"] = params.get("name") or params["taskId"]
        return self.send({"jsonrpc": "2.0", "id": id, "method": method, "params": params}, {**names, **(headers or {})})

    def legacy(self, method, params=None, id=1):
        message = {"jsonrpc": "2.0", "id": id, "method": method}
        if params is not None:
            message["params"] = params
        return self.send(message)


@pytest.fixture(scope="module")
def raw(api):
    return Raw(api)


def messages(answer):
    """Those of a stream, in order."""
    assert answer.headers["content-type"] == "text/event-stream"
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]


def failed(answer, status, code, schema=NEW):
    assert answer.status_code == status, answer.text
    document = valid(answer.json(), schema, "JSONRPCErrorResponse")
    assert document["error"]["code"] == code, document
    return document


def test_results_of_the_newest_revision_fit_its_schema(raw):
    found = raw.modern("server/discover").json()
    valid(found, NEW, "JSONRPCResultResponse")
    valid(found["result"], NEW, "DiscoverResult")
    listed = raw.modern("tools/list").json()["result"]
    valid(listed, NEW, "ListToolsResult")
    assert listed["ttlMs"] >= 0 and [tool["name"] for tool in listed["tools"]][:20] == TOOLS
    for tool in listed["tools"]:
        assert tool["description"] and len(tool["name"]) <= 64
        for schema in (tool["inputSchema"], tool["outputSchema"]):
            assert schema["type"] == "object"
            jsonschema.Draft202012Validator.check_schema(schema)
    for name, arguments in [("list_jobs", {}), ("health_check", {}), ("get_queue_info", {}), ("get_job_status", {"job_id": "x"}), ("crawl_web", {})]:
        result = raw.modern("tools/call", {"name": name, "arguments": arguments}).json()["result"]
        valid(result, NEW, "CallToolResult")
        assert result["isError"] == (name in ("get_job_status", "crawl_web"))


def test_results_of_the_older_revision_fit_its_schema(raw):
    started = raw.legacy("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}, id=0)
    valid(started.json(), OLD, "JSONRPCResultResponse")
    valid(started.json()["result"], OLD, "InitializeResult")
    assert started.json()["id"] == 0 and "mcp-session-id" not in started.headers
    valid(raw.legacy("ping", id="p").json()["result"], OLD, "EmptyResult")
    valid(raw.legacy("tools/list").json()["result"], OLD, "ListToolsResult")
    for name in ("list_jobs", "health_check"):
        valid(raw.legacy("tools/call", {"name": name}).json()["result"], OLD, "CallToolResult")
    failed(raw.legacy("nothing/here", id=-5), 200, -32601, OLD)


@pytest.mark.parametrize("schema", [NEW, OLD])
def test_a_stream_has_progress_and_ends_with_the_result(raw, schema):
    params = {"name": "query_models", "arguments": {"question": "Q", "wait_seconds": 60}}
    if schema == NEW:
        answer = raw.modern("tools/call", params, meta_=meta(progressToken="t"))
    else:
        answer = raw.legacy("tools/call", {**params, "_meta": {"progressToken": "t"}})
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-accel-buffering"] == "no"
    *notes, last = messages(answer)
    for note in notes:
        valid(note, schema, "ProgressNotification")
        assert note["params"]["progressToken"] == "t"
    values = [note["params"]["progress"] for note in notes]
    assert len(values) >= 3 and values == sorted(set(values))
    valid(last["result"], schema, "CallToolResult")
    assert last["result"]["structuredContent"]["status"] == "completed"


def test_structured_content_fits_the_output_schema(raw, site):
    schemas = {tool["name"]: tool["outputSchema"] for tool in raw.modern("tools/list").json()["result"]["tools"]}
    query = {"question": "Q", "session_id": "wire", "wait_seconds": 60}
    first = messages(raw.modern("tools/call", {"name": "query_models", "arguments": query}))[-1]["result"]
    job = first["structuredContent"]["job_id"]
    calls = [
        ("crawl_web", {"url": f"{site}/"}), ("ingest_doc", {"doc_uri": f"{site}/"}), ("create_presentation", {"topic": "t"}),
        ("query_models", {"question": "q"}), ("analyze_with_thinking", {"question": "q"}), ("submit_job", {"kind": "generate", "prompt": "p"}),
        ("get_job_status", {"job_id": job}), ("get_job_progress", {"job_id": job}), ("get_job_result", {"job_id": job}), ("list_jobs", {}),
        ("list_presentations", {}), ("manage_conversation", {"action": "list"}), ("manage_conversation", {"action": "view", "session_id": "wire"}),
        ("manage_conversation", {"action": "clear", "session_id": "wire"}), ("health_check", {}), ("get_queue_info", {}),
        ("get_queue_info", {"queue": "models"}), ("manage_cache", {"action": "stats"}), ("manage_cache", {"action": "performance-analysis"}),
        ("manage_cache", {"action": "clear", "kind": "chat"}), ("submit_feedback", {"model": "m", "kind": "generate", "prompt": "p", "score": 1}),
        ("generate", {"prompt": "p"}), ("search_documents", {"query": "harbour"}),
    ]
    for name, arguments in calls:
        result = raw.modern("tools/call", {"name": name, "arguments": arguments}).json()["result"]
        assert not result["isError"], f"{name}: {result}"
        jsonschema.Draft202012Validator(schemas[name]).validate(result["structuredContent"])
    late = raw.modern("tools/call", {"name": "submit_job", "arguments": {"kind": "generate", "prompt": "p", "delay": 999}}).json()["result"]
    for name in ("cancel_job", "retry_job"):
        result = raw.modern("tools/call", {"name": name, "arguments": {"job_id": late["structuredContent"]["job_id"]}}).json()["result"]
        jsonschema.Draft202012Validator(schemas[name]).validate(result["structuredContent"])


def test_tasks_fit_the_schema_of_the_extension(raw):
    declared = meta(capabilities=EXTENSION)
    made = raw.modern("tools/call", {"name": "query_models", "arguments": {"question": "Q"}}, meta_=declared).json()["result"]
    valid(made, TASKS, "CreateTaskResult")
    task = made["taskId"]
    while (got := raw.modern("tasks/get", {"taskId": task}, meta_=declared).json()["result"])["status"] == "working":
        valid(got, TASKS, "GetTaskResult")
        raw.modern("tools/call", {"name": "get_job_result", "arguments": {"job_id": task, "wait_seconds": 30}})
    valid(got, TASKS, "GetTaskResult")
    assert got["status"] == "completed" and got["result"]["isError"] is False
    valid(got["result"] | {"resultType": "complete"}, NEW, "CallToolResult")
    late = raw.modern("tools/call", {"name": "generate", "arguments": {"prompt": "p", "delay": 999}}, meta_=declared).json()["result"]
    valid(raw.modern("tasks/update", {"taskId": late["taskId"], "inputResponses": {}}, meta_=declared).json()["result"], TASKS, "UpdateTaskResult")
    for _ in range(2):
        valid(raw.modern("tasks/cancel", {"taskId": late["taskId"]}, meta_=declared).json()["result"], TASKS, "CancelTaskResult")
    got = raw.modern("tasks/get", {"taskId": late["taskId"]}, meta_=declared).json()["result"]
    assert valid(got, TASKS, "GetTaskResult")["status"] == "cancelled"
    failed(raw.modern("tasks/get", {"taskId": task}), 400, -32021)
    failed(raw.modern("tasks/get", {"taskId": "unknown"}, meta_=declared), 200, -32602)
    for method in ("tasks/list", "tasks/result"):
        failed(raw.modern(method, {"taskId": task}, meta_=declared), 404, -32601)


def test_the_checks_of_the_conformance_suite(raw):
    # server-stateless
    error = failed(raw.modern("tools/list", version="v999.0.0", id=42), 400, -32022)
    valid(error, NEW, "UnsupportedProtocolVersionError")
    assert error["id"] == 42 and error["error"]["data"] == {"requested": "v999.0.0", "supported": ["2026-07-28"]}
    failed(raw.modern("tools/list", version="v999.0.0", header="2026-07-28"), 400, -32020)
    failed(raw.modern("tools/list", meta_=False), 400, -32602)
    for missing in (VERSION, CAPABILITIES):
        failed(raw.modern("tools/list", meta_={key: value for key, value in meta().items() if key != missing}), 400, -32602)
    assert raw.modern("tools/list").status_code == 200
    for method in ("initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "unknown/method"):
        assert failed(raw.modern(method, id="echo"), 404, -32601)["id"] == "echo"
    # Families that are not declared are not there.
    for method in ("prompts/list", "resources/list", "completion/complete", "subscriptions/listen"):
        failed(raw.modern(method), 404, -32601)
    # Headers
    for name in ("MCP-Protocol-Version", "Mcp-Method"):
        valid(failed(raw.modern("tools/list", headers={name: "else"}), 400, -32020), NEW, "HeaderMismatchError")
    failed(raw.modern("tools/call", {"name": "list_jobs"}, headers={"Mcp-Name": "else"}), 400, -32020)
    # dns-rebinding
    evil = {"Origin": "http://evil.example.com", "Host": "evil.example.com"}
    assert 400 <= raw.modern("server/discover", headers=evil).status_code < 500
    assert raw.modern("server/discover", headers={"Origin": "http://evil.example.com"}).status_code == 403
    # server-sse-multiple-streams
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        call = {"name": "query_models", "arguments": {"question": "Q", "wait_seconds": 60}}
        answers = list(pool.map(lambda number: raw.modern("tools/call", call, id=number), range(3)))
    assert [messages(answer)[-1]["id"] for answer in answers] == [0, 1, 2]
    assert {raw.client.request(method, "/mcp").status_code for method in ("GET", "DELETE")} == {405}


def test_kinds_are_tools_and_the_programs_own_are_not(raw, api):
    kinds = {kind["kind"] for kind in httpx.get(f"{api}/kinds").json()["kinds"]}
    tools = {tool["name"] for tool in raw.modern("tools/list").json()["result"]["tools"]}
    assert set(KINDS) <= tools and "webhook" in kinds and "webhook" not in tools
    assert kinds - tools == {"web_crawl", "document", "presentation", "thinking", "webhook"}


def test_a_kind_that_is_registered_is_a_tool_and_one_that_is_forgotten_is_none(raw, api):
    def tools():
        return {tool["name"]: tool for tool in raw.modern("tools/list").json()["result"]["tools"]}

    def within(seconds, condition):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.1)
        return False

    kind = {"kind": "tide_table", "summary": "computes tides", "queue": "tides",
            "input_schema": {"type": "object", "required": ["port"], "properties": {"port": {"type": "string"}, "days": {"type": "integer"}}}}
    assert httpx.post(f"{api}/kinds", json={"kinds": [kind]}).status_code == 200
    assert within(5, lambda: "tide_table" in tools())
    assert tools()["tide_table"]["inputSchema"]["required"] == ["port"]
    wrong = raw.modern("tools/call", {"name": "tide_table", "arguments": {"days": "x"}}).json()["result"]
    assert wrong["isError"] and "- port: is required" in wrong["content"][0]["text"] and "- days: " in wrong["content"][0]["text"]
    job = raw.modern("tools/call", {"name": "tideTable", "arguments": {"port": "Cuxhaven", "subject": "sea"}}).json()["result"]["structuredContent"]
    assert job["kind"] == "tide_table" and job["status"] == "queued"
    shown = httpx.get(f"{api}/jobs?kind=tide_table&fields=input").json()["jobs"][0]
    assert shown["input"]["port"] == "Cuxhaven" and shown["subject"] == "sea"
    raw.modern("tools/call", {"name": "cancel_job", "arguments": {"job_id": job["job_id"]}})
    assert within(5, lambda: httpx.delete(f"{api}/kinds/tide_table").status_code == 204)
    assert within(5, lambda: "tide_table" not in tools())


def test_lines_over_standard_input_and_output(program, api):
    lines = [
        "this is no JSON", json.dumps({"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta()}}),
        json.dumps({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {"_meta": meta("v999.0.0")}}),
        json.dumps({"jsonrpc": "2.0", "id": 3, "method": "ping"}), json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}), "",
        json.dumps({"jsonrpc": "2.0", "id": 4, "method": "ping", "params": {"_meta": meta()}}),
        json.dumps({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "health_check"}}),
    ]
    done = subprocess.run(
        [program, "mcp", "--url", api], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and done.stderr == ""
    said = {message.get("id"): message for message in map(json.loads, done.stdout.splitlines())}
    assert valid(said.pop(None), NEW, "JSONRPCErrorResponse")["error"]["code"] == -32700
    valid(said[1]["result"], NEW, "DiscoverResult")
    assert said[2]["error"]["code"] == -32022 and said[3]["result"] == {} and said[4]["error"]["code"] == -32601
    valid(said[5]["result"], OLD, "CallToolResult")
    assert sorted(said) == [1, 2, 3, 4, 5]


def test_without_an_api_a_tool_says_what_to_do(program):
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}) + "\n"
    done = subprocess.run(
        [program, "mcp", "--url", "http://127.0.0.1:1"], input=line, capture_output=True, text=True, timeout=30)
    assert "TIDEWHEEL_URL" in json.loads(done.stdout)["error"]["message"]
