"""Throughput of the VLM judge against a loopback service that answers every request after a fixed time.

    python benchmarks/judge.py [--latency 0.5] [--side 512] [--concurrency 1 4 8 16 32]

The best that N requests at once allow is N / (latency * calls an image) images per second. Every image is
another one, for equal questions are asked once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image

from asap.bench.judges.protocols.checks import HAND, PERSON, SCENE, Check
from asap.bench.judges.settings import Options
from asap.bench.judges.vlm import VLM
from asap.records import Sample

SIDES = ("left", "top", "right", "bottom")
CALLS = {"paper": 1, "checklist": 4}
"""Of each protocol, for the image of one person and two hands that the service sees everywhere."""


def all_right(checks: tuple[Check, ...]) -> dict[str, object]:
    return {check.name: json.loads(check.example) for check in checks}


def answers() -> dict[bytes, bytes]:
    """A word of the request's schema -> the whole reply to it."""
    person = dict(zip(SIDES, (100, 0, 900, 1000)))
    hands = [dict(zip(SIDES, box)) for box in ((100, 400, 250, 550), (750, 400, 900, 550))]
    whole = {"people": [person], "faces": [], "hands": hands, "questions": all_right(SCENE)}
    said = {
        b'"questions":': whole,
        b'"arms":': all_right(PERSON),
        b'"fingers":': all_right(HAND),
        b'"categories":': {"error": "no", "categories": []},
    }
    return {word: reply(json.dumps(answer)) for word, answer in said.items()}


def reply(text: str) -> bytes:
    usage = {"prompt_tokens": 1500, "completion_tokens": 100}
    choices = [{"message": {"content": text}, "finish_reason": "stop"}]
    return json.dumps({"choices": choices, "usage": usage}).encode()


async def answer(latency: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection, each `latency` seconds after its body has come."""
    known = answers()
    while head := await reader.readuntil(b"\r\n\r\n"):
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        body = await reader.readexactly(int(fields[b"content-length"]))
        await asyncio.sleep(latency)
        asked = body[body.rindex(b'"response_format"') :]
        data = next(said for word, said in known.items() if word in asked)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(data), data))


def serve(latency: float, port: Connection) -> None:
    """Serve for ever on a free port, which is sent through `port`."""

    async def forever() -> None:
        async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await answer(latency, reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()

        server = await asyncio.start_server(quietly, "127.0.0.1", 0, limit=1 << 24)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


def draw(folder: Path, count: int, side: int) -> list[Sample]:
    """`count` noisy pictures, each with a pixel of its own."""
    smooth = np.linspace(0, 255, side * side * 3).reshape(side, side, 3)
    noise = np.random.default_rng(0).integers(0, 16, smooth.shape)
    pixels = np.clip(smooth + noise, 0, 255).astype(np.uint8)
    samples = []
    for number in range(count):
        pixels[0, 0] = number % 256, number // 256, 0
        Image.fromarray(pixels).save(folder / f"{number}.png", compress_level=1)
        samples.append(Sample(f"s{number}", f"{number}.png", "a waving hand", f"p{number}", "basic", 0))
    return samples


def measure(
    url: str, images: Path, samples: list[Sample], protocol: str, concurrency: int
) -> tuple[float, float]:
    """Images judged per second, and milliseconds of this process's own work for each call."""
    options = Options(endpoint=url, model_name="fixed", concurrency=concurrency, protocol=protocol)
    with tempfile.TemporaryDirectory() as out:
        start, before = time.perf_counter(), time.process_time()
        verdicts = [j.verdict for j in VLM(options, Path(out)).judge(images, samples)]
        seconds, work = time.perf_counter() - start, time.process_time() - before
        calls = json.loads((Path(out) / "usage.json").read_text())["calls"]
    assert verdicts == ["correct"] * len(samples) and calls == CALLS[protocol] * len(samples)
    return len(samples) / seconds, 1000 * work / calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 8, 16, 32])
    parser.add_argument("--rounds", type=int, default=20, help="calls that each connection makes")
    args = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(args.latency, theirs), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours.recv()}/v1"
    with tempfile.TemporaryDirectory() as folder:
        samples = draw(Path(folder), max(args.concurrency) * args.rounds, args.side)
        size = (Path(folder) / "0.png").stat().st_size
        print(f"latency {args.latency} s, PNG of {size / 1e6:.2f} MB")
        print("| protocol | at once | images/s | best possible | share | CPU ms a call | load average |")
        print("|---|---|---|---|---|---|---|")
        for protocol, calls in CALLS.items():
            for concurrency in args.concurrency:
                chosen = samples[: concurrency * args.rounds // calls]
                rate, work = measure(url, Path(folder), chosen, protocol, concurrency)
                best = concurrency / args.latency / calls
                row = (protocol, concurrency, f"{rate:.2f}", f"{best:.2f}", f"{rate / best:.1%}")
                row += (f"{work:.1f}", f"{os.getloadavg()[0]:.1f}")
                print("| " + " | ".join(map(str, row)) + " |", flush=True)
    server.terminate()


if __name__ == "__main__":
    main()
