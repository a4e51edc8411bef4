"""The official Python client of Ollama talks to our stand-in: what the stand-in says is what that client takes for an Ollama."""
import pathlib
import subprocess

import ollama
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def client():
    program = ROOT / ".build" / "debug" / "StandInServer"
    assert program.exists(), "build first: swift build --build-tests"
    process = subprocess.Popen([str(program), "ollama"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield ollama.Client(host=process.stdout.readline().strip())
    process.stdin.close()
    assert process.wait(timeout=30) == 0


def test_it_lists_and_shows_its_models(client):
    models = {model.model: model for model in client.list().models}
    assert {"llama3.2:latest", "qwen3:latest", "nomic-embed-text:latest"} <= set(models)
    assert len(models["qwen3:latest"].digest) == 64 and models["qwen3:latest"].details.family
    assert "thinking" in client.show("qwen3").capabilities
    with pytest.raises(ollama.ResponseError) as refusal:
        client.show("nothing")
    assert refusal.value.status_code == 404


def test_it_generates_whole_and_streamed(client):
    whole = client.generate("llama3.2", "Grüße aus Köln")
    assert whole.done and whole.done_reason == "stop" and whole.response == "llama3.2 heard: Grüße aus Köln"
    assert whole.eval_count > 0 and whole.total_duration > 0
    lines = list(client.generate("llama3.2", "Grüße aus Köln", stream=True))
    assert "".join(line.response for line in lines) == whole.response
    assert [line.done for line in lines] == [False] * (len(lines) - 1) + [True]


def test_it_chats_and_thinks(client):
    messages = [{"role": "user", "content": "why?"}]
    whole = client.chat("qwen3", messages, think=True)
    assert whole.message.thinking == "Let me see, über alles." and whole.message.content == "qwen3 heard: why?"
    lines = list(client.chat("qwen3", messages, think=True, stream=True))
    assert "".join(line.message.content or "" for line in lines) == whole.message.content
    assert "".join(line.message.thinking or "" for line in lines) == whole.message.thinking
    assert not client.chat("qwen3", messages, think=False).message.thinking
    with pytest.raises(ollama.ResponseError, match="does not support thinking"):
        client.chat("llama3.2", messages, think=True)


def test_it_embeds(client):
    vectors = client.embed("nomic-embed-text", ["one", "two words"]).embeddings
    assert len(vectors) == 2 and abs(sum(x * x for x in vectors[0]) - 1) < 1e-4
    assert client.embed("nomic-embed-text", "one").embeddings[0] == vectors[0]


def test_it_fails_as_an_ollama_does(client):
    with pytest.raises(ollama.ResponseError, match="not found") as refusal:
        client.generate("nothing", "x")
    assert refusal.value.status_code == 404
    with pytest.raises(ollama.ResponseError) as refusal:
        client.generate("busy", "x")
    assert refusal.value.status_code == 503
    with pytest.raises(ollama.ResponseError, match="the runner died"):
        list(client.generate("broken", "x", stream=True))
    assert client.generate("cut", "x").done_reason == "length"
