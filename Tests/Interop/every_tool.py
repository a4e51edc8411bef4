"""One walk through every tool, for any client: `call` takes a tool's name and arguments and answers (is_error, text, structured)."""

TOOLS = [
    "crawl_web", "ingest_doc", "create_presentation", "query_models", "analyze_with_thinking", "submit_job", "get_job_status",
    "get_job_progress", "get_job_result", "list_jobs", "cancel_job", "retry_job", "search_documents", "list_presentations", "update_subject",
    "manage_conversation", "health_check", "get_queue_info", "manage_cache", "submit_feedback",
]
# Tools that kinds of jobs get by themselves.
KINDS = ["chat", "configuration", "embedding", "generate", "maieutic", "projection", "translation"]


async def walk(call, site):
    """Every tool once or more, as a model would use them; asserts what it says and what programs get."""
    called = set()

    async def good(name, /, **arguments):
        called.add(name)
        is_error, text, structured = await call(name, arguments)
        assert not is_error, f"{name}: {text}"
        assert text
        return text, structured

    async def bad(name, /, **arguments):
        called.add(name)
        is_error, text, _ = await call(name, arguments)
        assert is_error, f"{name}: {text}"
        return text

    # What is submitted is answered at once, and waited for.
    text, crawl = await good("crawl_web", url=f"{site}/", max_pages=3)
    assert text.startswith(f"Crawling {site}/ queued for processing") and f"Job ID: {crawl['job_id']}" in text
    assert "get_job_progress" in text and crawl["track_url"] == f"/jobs/{crawl['job_id']}"
    text, done = await good("get_job_result", job_id=crawl["job_id"], wait_seconds=60)
    assert done["finished"] and done["result"]["pages_crawled"] == 3
    _, document = await good("ingest_doc", doc_uri=f"{site}/tides", wait_seconds=60)
    assert document["status"] == "completed" and document["result"]["chunks_created"] >= 1
    text, found = await good("search_documents", query="Welcome to the harbour.", source=f"{site}/", limit=2)
    assert found["results"][0]["source"] == f"{site}/" and "1. Home" in text and "Welcome to the harbour." in text
    assert (await good("search_documents", query="x", source="http://nowhere.example/"))[1]["count"] == 0
    text, query = await good("query_models", question="What is React?", session_id="walk", priority="high")
    assert "Status: Pending" in text and "Estimated Time: ~" in text
    text, _ = await good("get_job_result", job_id=query["job_id"], wait_seconds=60)
    assert "## echo-a" in text and "What is React?" in text
    text, _ = await good("get_job_progress", job_id=query["job_id"])
    assert text.startswith(f"✅ Job Progress: {query['job_id']}\n- Status: completed\n- Progress: 100%\n- Total Time: ")
    text, status = await good("get_job_status", job_id=query["job_id"])
    assert status["status"] == "completed" and status["result"]["answered"] == 3
    _, thought = await good("analyze_with_thinking", question="How?", num_thinking_steps=3, wait_seconds=60)
    assert len(thought["result"]["models"]) == 3

    # One that does not start yet is listed, cancelled and retried.
    _, late = await good("submit_job", kind="generate", prompt="Say it.", title="later", delay=3600)
    text, jobs = await good("list_jobs", status="pending", kind="generate")
    assert "Job Queue Status" in text and "- Max Concurrent: " in text
    assert late["job_id"] in [job["job_id"] for job in jobs["jobs"]]
    text, _ = await good("cancel_job", job_id=late["job_id"])
    assert text.startswith(f"Job Cancelled\nJob ID: {late['job_id']}\nStatus: cancelled\nCancelled at: 20")
    assert (await bad("get_job_result", job_id=late["job_id"])).startswith("🚫 Job was cancelled")
    _, again = await good("retry_job", job_id=late["job_id"])
    assert again["status"] in ("queued", "processing", "completed")
    _, answer = await good("get_job_result", job_id=late["job_id"], wait_seconds=60)
    assert "Say it." in answer["result"]["text"]
    assert "already completed" in await bad("cancel_job", job_id=late["job_id"])

    # Without Presenton a presentation fails, and is there all the same.
    text, deck = await good("create_presentation", topic="Tides", n_slides=3)
    assert text.startswith("Started creating presentation on \"Tides\"!")
    assert (await bad("get_job_result", job_id=deck["job_id"], wait_seconds=60)).startswith("❌ Job failed with error: ")
    text, moved = await good("update_subject", job_id=deck["job_id"], subject="seas")
    assert moved["subject"] == "seas"
    text, found = await good("list_presentations", subject="seas")
    assert deck["job_id"] in text and deck["job_id"] in [item["job_id"] for item in found["presentations"]]

    text, _ = await good("manage_conversation", action="list")
    assert text.startswith("Active Conversation Sessions\n") and "- walk: 4 messages" in text
    text, _ = await good("manage_conversation", action="view", session_id="walk")
    assert "What is React?" in text
    text, _ = await good("manage_conversation", action="clear", session_id="walk")
    assert text == "✓ Conversation history cleared for session ID: walk"
    assert "session_id: is required to view" in await bad("manage_conversation", action="view")

    text, health = await good("health_check")
    assert health["components"]["jobQueue"]["statistics"]["completed"] >= 4
    _, queues = await good("get_queue_info")
    assert queues["processorActive"] is True and {"ingest", "models"} <= {queue["queue"] for queue in queues["queues"]}
    _, cache = await good("manage_cache", action="stats")
    assert cache["entries"] >= 1
    _, performance = await good("manage_cache", action="performance-analysis")
    assert performance["models"]
    text, _ = await good("submit_feedback", job_id=late["job_id"], score=0.8, reason="clear")
    assert "Feedback submitted successfully" in text
    _, cleared = await good("manage_cache", action="clear", kind="generate")
    assert cleared["cleared_entries"] >= 1

    # Kinds have tools of their own.
    inputs = {
        "chat": {"messages": [{"role": "user", "content": "Hello"}]}, "configuration": {"description": "a quiet harbour"},
        "embedding": {"input": "High water"}, "generate": {"prompt": "A tide"}, "maieutic": {"goal": "to see"},
        "projection": {"narrative": "A ship."}, "translation": {"text": "A ship."},
    }
    for kind in KINDS:
        _, submitted = await good(kind, **inputs[kind])
        assert submitted["kind"] == kind and submitted["job_id"]
    return called
