"""OpenAI's client against the scripted model. What is asked is a command to the script.

The model is named by the client's own variables: OPENAI_API_KEY and OPENAI_BASE_URL.
"""

import asyncio

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

WHOLE = "Hello, wörld! 🎈"


@pytest.fixture
def client():
    with OpenAI(max_retries=0) as client:
        yield client


def ask(client, command, **options):
    messages = [{"role": "user", "content": command}]
    return client.chat.completions.create(model="scripted", messages=messages, **options)


def streamed(client, command, **options):
    return list(ask(client, command, stream=True, **options))


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_an_answer_in_one_piece(client):
    completion = ask(client, "hello")
    assert completion.object == "chat.completion" and completion.model == "scripted"
    (choice,) = completion.choices
    assert choice.message.role == "assistant" and choice.message.content == WHOLE
    assert choice.finish_reason == "stop" and choice.message.refusal is None
    usage = completion.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


@pytest.mark.parametrize("command", ["hello", "hello, bit by bit", "hello, in CR"])
def test_a_stream(client, command):
    chunks = streamed(client, command)
    assert text_of(chunks) == WHOLE
    assert chunks[0].choices[0].delta.role == "assistant"
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    reasons = [chunk.choices[0].finish_reason for chunk in chunks]
    assert reasons[-1] == "stop" and not any(reasons[:-1])
    assert all(chunk.usage is None for chunk in chunks)


def test_usage_comes_last_and_only_when_it_is_asked_for(client):
    chunks = streamed(client, "hello", stream_options={"include_usage": True})
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 45
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert text_of(chunks) == WHOLE


def test_the_clients_own_stream_helper_accumulates_the_same(client):
    messages = [{"role": "user", "content": "hello"}]
    with client.chat.completions.stream(model="scripted", messages=messages) as stream:
        stream.until_done()
        completion = stream.get_final_completion()
    assert completion.choices[0].message.content == WHOLE


def test_an_asynchronous_client_streams_too():
    async def collect():
        async with AsyncOpenAI(max_retries=0) as client:
            chunks = await ask(client, "hello", stream=True)
            return [chunk async for chunk in chunks]

    assert text_of(asyncio.run(collect())) == WHOLE


@pytest.mark.parametrize("command, reason", [("stop at the limit", "length"), ("be filtered", "content_filter")])
def test_other_reasons_to_end(client, command, reason):
    assert ask(client, command).choices[0].finish_reason == reason
    assert streamed(client, command)[-1].choices[0].finish_reason == reason


def test_a_refusal_has_status_message_type_and_code(client):
    with pytest.raises(openai.BadRequestError) as refusal:
        ask(client, "refuse")
    error = refusal.value
    assert error.status_code == 400 and error.body["message"] == "no, thank you"
    assert error.type == "invalid_request_error" and error.code == "refused"
    assert error.request_id == "req_scripted"


def test_an_unknown_model_and_an_unknown_address(client):
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        streamed(client, "be unknown")
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        client.embeddings.create(model="scripted", input="x", encoding_format="float")


def test_a_wrong_key():
    with OpenAI(api_key="sk-wrong-0123456789", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as refusal:
            ask(client, "hello")
    assert refusal.value.code == "invalid_api_key"
    assert "0123456789" not in str(refusal.value)


def test_requests_are_checked(client):
    with pytest.raises(openai.BadRequestError, match="messages") as refusal:
        client.chat.completions.create(model="scripted", messages=[])
    assert refusal.value.param == "messages"
    with pytest.raises(openai.BadRequestError, match="stream_options"):
        ask(client, "hello", stream_options={"include_usage": True})


@pytest.mark.parametrize("command, retries", [("be busy twice", 2), ("fail once", 1)])
def test_the_client_tries_again_when_it_is_told_to(command, retries):
    with OpenAI(max_retries=2) as client:
        messages = [{"role": "user", "content": command}]
        raw = client.chat.completions.with_raw_response.create(model="scripted", messages=messages)
    assert raw.retries_taken == retries
    assert raw.parse().choices[0].message.content == WHOLE


def test_a_busy_model(client):
    with pytest.raises(openai.RateLimitError, match="slow down"):
        ask(client, "be busy")


def test_a_stream_that_breaks_off(client):
    stream = ask(client, "break off", stream=True)
    chunks = []
    with pytest.raises((openai.APIConnectionError, openai.APIError)):
        for chunk in stream:
            chunks.append(chunk)
    assert text_of(chunks) == "Hello, "


def test_an_error_underway(client):
    stream = ask(client, "fail underway", stream=True)
    chunks = []
    with pytest.raises(openai.APIError, match="the engine stopped"):
        for chunk in stream:
            chunks.append(chunk)
    assert text_of(chunks) == "Hello, "


def test_silence(client):
    with pytest.raises(openai.APITimeoutError):
        ask(client, "say nothing", timeout=0.3)
    stream = ask(client, "stall", stream=True, timeout=0.3)
    with pytest.raises(openai.APITimeoutError):
        list(stream)


def test_the_list_of_models(client):
    assert [model.id for model in client.models.list()] == ["scripted"]
