"""The usage examples that the tools were asked for in, replayed as they were written, over the official SDK, with a real worker.
Echo answers in place of models: what is compared are the words and forms of the tools. Estimates are learnt: what they begin with is
compared in MCPToolTests."""
import json
import re

import anyio
import pytest
from mcp.client.client import Client

ID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"


@pytest.fixture
def talk(api):
    """Runs a scenario with `call(tool, **arguments)`, which answers what a model reads."""

    def run(scenario):
        async def main():
            async with Client(f"{api}/mcp") as client:

                async def call(tool, /, **arguments):
                    return (await client.call_tool(tool, arguments)).content[0].text

                await scenario(call)

        anyio.run(main)

    return run


def job(text):
    return re.search(rf"Job ID: ({ID})", text).group(1)


async def done(call, id):
    return await call("get-job-progress", job_id=id, wait_seconds=60)


def test_1_basic_query_with_progress_tracking(talk):
    async def scenario(call):
        text = await call("query-models", question="What are the best practices for designing scalable APIs?")
        assert re.search(rf"Job ID: {ID}\nStatus: Pending\nEstimated Time: ~\d+\.\ds", text)
        id = job(text)
        await done(call, id)
        text = await call("get-job-progress", job_id=id)
        assert re.match(rf"✅ Job Progress: {id}\n- Status: completed\n- Progress: 100%\n- Total Time: \d+\.\ds\n", text)
        text = await call("get-job-result", job_id=id)
        assert all(f"## echo-{name}" in text for name in "abc") and text.count("designing scalable APIs?") == 3

    talk(scenario)


def test_2_sequential_thinking_analysis(talk):
    async def scenario(call):
        text = await call(
            "analyze-with-thinking", question="How would you design a distributed database system?", num_thinking_steps=7,
            session_id="design_discussion")
        assert "Status: Pending" in text
        await done(call, job(text))
        text = await call("get-job-result", job_id=job(text))
        assert text.count("### Answer") == 3 and text.count("### Step 6:") == 3

    talk(scenario)


def test_3_and_9_a_conversation_goes_on_and_is_managed(talk):
    async def scenario(call):
        first = await call("query-models", question="What is machine learning?", session_id="ml_discussion")
        second = await call(
            "query-models", question="How is deep learning different?", session_id="ml_discussion", include_history=True)
        await done(call, job(second))
        assert "machine learning?" in await call("get-job-result", job_id=job(first))
        text = await call("manage-conversation", action="list")
        assert text.startswith("Active Conversation Sessions\n") and "\n- ml_discussion: 8 messages\n" in text
        text = await call("manage-conversation", session_id="ml_discussion", action="view")
        assert "user: What is machine learning?" in text and "(echo-a): " in text
        text = await call("manage-conversation", session_id="ml_discussion", action="clear")
        assert text == "✓ Conversation history cleared for session ID: ml_discussion"

    talk(scenario)


def test_4_batch_polling(talk):
    async def scenario(call):
        ids = [job(await call("query-models", question=f"What is {name}?")) for name in ("React", "Vue", "Angular")]
        for id, name in zip(ids, ("React", "Vue", "Angular")):
            assert re.match(rf"[⏳✅] Job Progress: {id}\n- Status: (pending|running|completed)\n", await call("get-job-progress", job_id=id))
            await done(call, id)
            assert f"What is {name}?" in await call("get-job-result", job_id=id)

    talk(scenario)


def test_5_a_job_that_fails_says_why(talk):
    async def scenario(call):
        id = job(await call("create_presentation", topic="Photosynthesis for Biology Test", user_id="user123", n_slides=5))
        text = await done(call, id)
        assert re.match(rf"❌ Job Progress: {id}\n- Status: failed\n- Progress: \d+%\n- Error: .+\n", text)
        error = re.search(r"- Error: (.+)\n", text).group(1)
        assert (await call("get-job-result", job_id=id)).startswith(f"❌ Job failed with error: {error}")

    talk(scenario)


def test_6_list_and_cancel(talk):
    async def scenario(call):
        id = job(await call("submit-job", kind="generate", prompt="too long", delay=3600))
        text = await call("list-jobs")
        head = (r"Job Queue Status\n\nStatistics\n- Total Jobs: \d+\n- Pending: \d+\n- Running: \d+\n- Completed: \d+\n- Failed: \d+\n"
                r"- Cancelled: \d+\n- Max Concurrent: \d+\n\nJobs\n")
        assert re.match(head, text) and f"- {id} generate: pending" in text
        text = await call("cancel-job", job_id=id)
        assert re.match(rf"Job Cancelled\nJob ID: {id}\nStatus: cancelled\nCancelled at: 20\d\d-\d\d-\d\dT\S+Z\n", text)

    talk(scenario)


def test_7_system_monitoring(talk):
    async def scenario(call):
        document = json.loads((await call("health-check")).rsplit("\n\n", 1)[0])
        assert set(document["components"]["jobQueue"]["statistics"]) == {
            "total", "pending", "running", "completed", "failed", "cancelled", "maxConcurrent"}

    talk(scenario)


def test_8_custom_system_prompts(talk):
    async def scenario(call):
        text = await call(
            "analyze-with-thinking", question="Design a mobile app architecture", num_thinking_steps=8, enable_thinking=True,
            system_prompt="You are a mobile app architect with 10+ years experience")
        await done(call, job(text))
        assert "### Answer" in await call("get-job-result", job_id=job(text))

    talk(scenario)


def test_clients_of_model_queues_use_their_own_words(talk):
    async def scenario(call):
        text = await call(
            "submitJob", jobName="generate-typescript-validator", modelName="auto", jobType="generate", prompt="Write a validator",
            priority="urgent", options={"temperature": 0.3, "num_predict": 500}, sessionID="session-123", agent="my-agent")
        id = job(text)
        assert "Write a validator" in await call("getJobResult", jobId=id, waitSeconds=60)
        await call("submitJob", modelName="auto", jobType="chat", messages=[{"role": "user", "content": "interface or type?"}])
        embedding = await call("submitJob", jobType="embedding", input="TypeScript is a typed superset of JavaScript", waitSeconds=60)
        assert '"embeddings"' in embedding
        assert "generate-typescript-validator" in await call("listJobs", jobType="generate")
        feedback = await call(
            "submitFeedback", prompt="Explain TypeScript generics", modelName="llama2", jobType="generate", score=0.8,
            reason="Clear explanation with good examples", taskCategory="documentation")
        assert "Feedback submitted successfully: 0.8 for llama2" in feedback
        assert "processorActive: true" in await call("getQueueInfo")
        assert "hit_rate" in await call("manageCache", action="stats")

    talk(scenario)
