"""Captions by a service on loopback that misbehaves, and by a tiny model; killed and continued."""

from __future__ import annotations

import json
import random
import shutil
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import cv2
import numpy as np
import pytest
import torch
from skimage import data

import processes
from asap import chat
from asap.errors import UserError
from asap.pairs.captions import caption
from asap.pairs.captions.caption import Config
from asap.pairs.captions.captioners import PROBED, caption_of, tidy
from asap.pairs.sources.find import find_photos
from loopback import served

KEY = "sk-not-to-be-seen"
WORDS = ("a", "man", "hand", "waves", "light", ".", "room", "plain")


@pytest.fixture
def photos(tmp_path):
    """Six photos, of which two have captions of the user's."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for index in range(6):
        path = folder / ("sub" if index % 2 else ".") / f"{index}.png"
        cv2.imwrite(str(path), np.roll(data.astronaut()[:120, :160], 7 * index, axis=1)[..., ::-1])
    (folder / "0.txt").write_text("my own words")
    (folder / "metadata.jsonl").write_text(
        json.dumps({"file_name": "sub/1.png", "text": "mine, too"})
    )  # no line's end
    return folder


def completion(text, **choice):
    choices = [
        {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **choice}
    ]
    return 200, json.dumps({"choices": choices}).encode()


class Service:
    """`behaviour(number, body)` -> status and body of the reply; `requests` are the bodies it was sent."""

    def __init__(self, behaviour):
        self.behaviour, self.requests, self.keys, self.url = behaviour, [], set(), ""
        self.lock = threading.Lock()


@contextmanager
def serving(behaviour):
    service = Service(behaviour)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with service.lock:
                service.requests.append(body)
                service.keys.add(self.headers.get("authorization"))
                number = len(service.requests)
            status, reply = service.behaviour(number, body)
            self.send_response(status)
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            pass

    with served(Handler) as url:
        service.url = f"{url}/v1"
        yield service


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(chat, "FIRST_WAIT", 0.01)


def config(folder, service, **options):
    return Config(
        folder, service.url, "tiny-vlm", **{"attempts": 2, "concurrency": 2, "timeout": 60.0, **options}
    )


def captions(folder):
    return {photo.source: photo.caption for photo in find_photos(folder)[0]}


def seen(_, body):
    """A caption that depends on the picture, as a model's does."""
    url = body["messages"][0]["content"][1]["image_url"]["url"]
    return completion(f"A portrait, {len(url)} characters long.")


def test_photos_without_captions_get_one_and_the_users_stay(photos):
    before = (photos / "metadata.jsonl").read_bytes()
    with serving(seen) as service:
        caption.run(config(photos, service))
        found = captions(photos)
        assert len(service.requests) == 4
        caption.run(config(photos, service))
        assert len(service.requests) == 4  # nothing is asked twice
    assert found["0.png"] == "my own words" and found["sub/1.png"] == "mine, too"
    assert all(
        found[name].startswith("A portrait, ") for name in ("2.png", "4.png", "sub/3.png", "sub/5.png")
    )
    assert (photos / "metadata.jsonl").read_bytes().startswith(before + b"\n")
    assert (photos / "0.txt").read_text() == "my own words"
    assert not find_photos(photos)[1]  # no line or file that build would complain of
    body = service.requests[0]
    assert body["model"] == "tiny-vlm" and body["temperature"] == 0
    assert body["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/jpeg;base64,")


def test_the_same_photos_get_the_same_lines(photos, tmp_path):
    shutil.copytree(photos, tmp_path / "copy")

    def slow_first(number, body):
        time.sleep(0.3 * (number == 1))
        return seen(number, body)

    for folder, behaviour, many in ((photos, seen, 1), (tmp_path / "copy", slow_first, 4)):
        with serving(behaviour) as service:
            caption.run(config(folder, service, concurrency=many))
    assert (photos / "metadata.jsonl").read_bytes() == (tmp_path / "copy" / "metadata.jsonl").read_bytes()


def test_a_photo_that_was_changed_is_described_anew(photos):
    with serving(lambda number, _: completion(f"Caption {number}.")) as service:
        caption.run(config(photos, service, concurrency=1))
        shutil.copy(photos / "4.png", photos / "2.png.new")
        picture = cv2.imread(str(photos / "2.png"))
        (photos / "2.png.new").unlink()
        cv2.imwrite(str(photos / "2.png"), picture[:, ::-1])
        before = captions(photos)
        caption.run(config(photos, service, concurrency=1))
    after = captions(photos)
    assert len(service.requests) == 5
    assert {name for name in after if after[name] != before[name]} == {"2.png"}


def test_a_licence_outlives_the_caption(photos):
    with (photos / "metadata.jsonl").open("a") as file:
        file.write("\n" + json.dumps({"file_name": "2.png", "licence": "CC BY 4.0"}) + "\n")
    with serving(seen) as service:
        caption.run(config(photos, service))
    (photo,) = [photo for photo in find_photos(photos)[0] if photo.source == "2.png"]
    assert photo.licence == "CC BY 4.0" and photo.caption.startswith("A portrait")


def test_busy_services_are_asked_again_and_refusals_are_told(photos, capsys):
    def behaviour(number, body):
        if number == 1:
            return 503, b"busy"
        answers = {
            2: completion(""),
            3: completion("", message={"refusal": "I will not"}),
            4: (200, b"rubbish"),
        }
        return answers.get(number) or seen(number, body)

    with serving(behaviour) as service:
        caption.run(config(photos, service, concurrency=1))
        assert len(service.requests) == 5
        out = capsys.readouterr().out
        assert "1 caption more by tiny-vlm, 3 photos without" in out
        assert all(words in out for words in ("an empty reply", "refused", "not JSON"))
        caption.run(config(photos, service, concurrency=1))  # only those three
        assert len(service.requests) == 8
    assert all(captions(photos).values())


def test_a_service_that_takes_no_options_is_asked_without(photos):
    def behaviour(number, body):
        return (400, b'{"error": "unsupported: max_tokens"}') if "max_tokens" in body else seen(number, body)

    with serving(behaviour) as service:
        caption.run(config(photos, service))
    assert all(captions(photos).values()) and len(service.requests) == 8


def test_keys_and_addresses_that_are_wrong_end_it_in_one_line(photos, monkeypatch):
    monkeypatch.setenv("ASAP_CAPTION_KEY", KEY)
    before = (photos / "metadata.jsonl").read_bytes()
    answer = 401, f"key {KEY} is wrong".encode()
    with serving(lambda *_: answer) as service, pytest.raises(UserError, match="refuses the key") as raised:
        caption.run(config(photos, service))
    assert service.keys == {f"Bearer {KEY}"}
    assert KEY not in str(raised.value) and "\n" not in str(raised.value)
    assert (photos / "metadata.jsonl").read_bytes() == before + b"\n"


def test_a_refused_connection_is_told_at_once_with_the_url(photos, monkeypatch):
    monkeypatch.setattr(chat, "FIRST_WAIT", 0.5)
    before, start = (photos / "metadata.jsonl").read_bytes(), time.monotonic()
    with pytest.raises(UserError, match=r"nobody answers at http://127\.0\.0\.1:9/v1 .*--endpoint") as raised:
        caption.run(Config(photos, "http://127.0.0.1:9/v1", "tiny-vlm", attempts=10))
    assert time.monotonic() - start < 60 and "\n" not in str(raised.value)
    assert (photos / "metadata.jsonl").read_bytes() == before + b"\n"


def test_a_service_that_restarts_is_waited_for(photos):
    """Once it was heard of, a connection that is refused is tried again as before."""
    body = {"messages": [{"role": "user", "content": [{}, {"image_url": {"url": ""}}]}]}
    with serving(seen) as service:
        # no connection is kept open, which a thread of the server would go on to answer
        connection = chat.client(service.url, "", 1, 5.0)
        connection.headers["connection"] = "close"
        talk = chat.Chat(connection, 4, 5.0, threading.Event())
        assert talk.complete(body, random.Random(0))
    with pytest.raises(chat.UnreachableError, match="ConnectError"):
        talk.complete(body, random.Random(0))
    connection.close()


def test_nobody_there_is_told_after_a_few(tmp_path):
    (tmp_path / "many").mkdir()
    for index in range(PROBED + 4):
        cv2.imwrite(str(tmp_path / "many" / f"{index}.png"), np.full((32, 32, 3), index, np.uint8))
    with (
        serving(lambda *_: (503, b"down")) as service,
        pytest.raises(UserError, match="answered for none of 8 photos"),
    ):
        caption.run(config(tmp_path / "many", service, attempts=1))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "give either --endpoint"),
        ({"endpoint": "http://x/v1", "model": "y"}, "give either --endpoint"),
        ({"endpoint": "http://x/v1"}, "needs --model-name"),
        ({"endpoint": "ftp://x", "model_name": "y"}, "no http or https URL"),
        ({"endpoint": "http://x/v1", "model_name": "y", "concurrency": 0}, "--concurrency is 0"),
        ({"model": "/nothing/there"}, "--model /nothing/there cannot caption"),
    ],
)
def test_settings_that_cannot_be(photos, options, words):
    with pytest.raises(UserError, match=words) as raised:
        caption.run(Config(photos, **options))
    assert "\n" not in str(raised.value)


def test_killed_and_run_again_it_ends_the_same(photos, tmp_path):
    shutil.copytree(photos, tmp_path / "copy")
    gate = threading.Event()

    def behaviour(number, body):
        if number > 2:
            gate.wait(600)
        return seen(number, body)

    with serving(behaviour) as service:
        words = ["caption", photos, "--endpoint", service.url, "--model-name", "tiny-vlm", "--concurrency", 1]
        lines = photos / "metadata.jsonl"
        processes.start(*words).ends_when(lambda: lines.read_bytes().count(b"captioner") == 2)
        gate.set()
        with (photos / "metadata.jsonl").open("a") as file:
            file.write('{"captioner": "tiny-vlm", "file_na')  # what a kill may leave of a line
        asked = len(service.requests)
        assert processes.asap(*words).returncode == 0
        assert len(service.requests) == asked + 2
        caption.run(config(tmp_path / "copy", service))
    assert (photos / "metadata.jsonl").read_bytes() == (tmp_path / "copy" / "metadata.jsonl").read_bytes()


def test_a_half_line_of_the_users_is_kept(photos):
    half = b'{"file_name": "0.png", "te'
    (photos / "metadata.jsonl").write_bytes(half)
    with serving(seen) as service:
        caption.run(config(photos, service))
    assert (photos / "metadata.jsonl").read_bytes().startswith(half + b"\n")


def test_words_are_tidied():
    assert tidy('<think>hm</think>\n "A  man\nwaves." ') == "A man waves."
    assert tidy("A man waves. He sm", cut=True) == "A man waves."
    assert tidy("A man waves. He smiles.", cut=True) == "A man waves. He smiles."
    assert tidy("A man wa", cut=True) == "A man wa"
    assert caption_of({}) == (None, "the reply is no chat completion")
    listed = [{"type": "text", "text": "A man."}]
    assert caption_of({"choices": [{"message": {"content": listed}}]}) == ("A man.", "")


def tiny_llava(folder):
    """A Llava of a few thousand random weights, with its processor, as transformers saves them."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    words = [
        "<pad>",
        "<s>",
        "</s>",
        "<unk>",
        "<image>",
        "a",
        "man",
        "hand",
        "waves",
        "light",
        ".",
        "room",
        "plain",
    ]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        additional_special_tokens=["<image>"],
    )  # fmt: skip
    template = (
        "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>"
        "{% else %} {{ c['text'] }}{% endif %}{% endfor %}{% endfor %}"
    )
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16})
    processor = LlavaProcessor(
        pictures, fast, patch_size=8, vision_feature_select_strategy="default", chat_template=template,
        num_additional_image_tokens=1,
    )  # fmt: skip
    torch.manual_seed(0)
    vision = CLIPVisionConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=2,
                              num_attention_heads=2, image_size=16, patch_size=8)  # fmt: skip
    text = LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    config_ = LlavaConfig(vision_config=vision, text_config=text, image_token_index=4)
    model = LlavaForConditionalGeneration(config_)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def test_a_model_of_transformers_captions_too(photos, tmp_path):
    model = tiny_llava(tmp_path / "llava")
    shutil.copytree(photos, tmp_path / "copy")
    for folder in (photos, tmp_path / "copy"):
        caption.run(Config(folder, model=str(model), device="cpu"))
    found = captions(photos)
    described = [found[name] for name in ("2.png", "4.png", "sub/3.png", "sub/5.png") if found[name]]
    assert described  # the model's own words, not the question, where it finds any
    assert all(set(text.replace(".", " . ").split()) <= set(WORDS) for text in described)
    assert found == captions(tmp_path / "copy")
    assert found["0.png"] == "my own words"
    assert str(tmp_path) not in (photos / "metadata.jsonl").read_text()
