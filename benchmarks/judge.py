"""Throughput of the VLM judge against a loopback service that answers every request after a fixed time.

    python benchmarks/judge.py [--latency 0.5] [--side 1024]

The best that N requests at once allow is N / latency images per second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image

from asap.bench.judges.vlm import VLM
from asap.records import Sample

PART = {"part": "left hand", "visibility": "clear", "count": 5, "fault": "none"}
ANSWER = json.dumps({"people": 1, "parts": [PART], "verdict": "correct", "errors": []})
REPLY = json.dumps({"choices": [{"message": {"content": ANSWER}, "finish_reason": "stop"}]}).encode()


async def answer(latency: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection, each `latency` seconds after its body has come."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        await reader.readexactly(int(fields[b"content-length"]))
        await asyncio.sleep(latency)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(REPLY), REPLY))


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


def measure(url: str, images: Path, concurrency: int, count: int) -> float:
    """Images judged per second."""
    samples = [Sample(f"s{i}", "x.png", "a waving hand", f"p{i}", "basic", i) for i in range(count)]
    judge = VLM(url, "fixed", concurrency=concurrency)
    start = time.perf_counter()
    verdicts = [j.verdict for j in judge.judge(images, samples)]
    seconds = time.perf_counter() - start
    assert verdicts == ["correct"] * count
    return count / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--side", type=int, default=1024)
    args = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(args.latency, theirs), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours.recv()}/v1"
    with tempfile.TemporaryDirectory() as folder:
        smooth = np.linspace(0, 255, args.side * args.side * 3).reshape(args.side, args.side, 3)
        noise = np.random.default_rng(0).integers(0, 16, smooth.shape)
        Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8)).save(Path(folder) / "x.png")
        size = (Path(folder) / "x.png").stat().st_size
        print(f"latency {args.latency} s, PNG of {size / 1e6:.2f} MB")
        print("| at once | images/s | best possible | share |\n|---|---|---|---|")
        for concurrency in (1, 4, 8, 16, 32):
            rate = measure(url, Path(folder), concurrency, concurrency * 20)
            best = concurrency / args.latency
            print(f"| {concurrency} | {rate:.2f} | {best:.2f} | {rate / best:.1%} |", flush=True)
    server.terminate()


if __name__ == "__main__":
    main()
