"""Work on a real Ray cluster of two machines' worth of processes, one of which is killed."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import psutil
import pytest
from skimage import data

from asap import cluster
from asap.errors import UserError
from asap.pairs import build
from asap.pairs.build import Config

FACES = "mouth_twisted,nose_displaced"


@pytest.fixture(scope="module")
def nodes() -> Iterator[Any]:
    """Two nodes of one core each."""
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.cluster_utils")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    small = {"num_cpus": 1, "object_store_memory": 80 << 20}
    made = ray.cluster_utils.Cluster(
        initialize_head=True, head_node_args={**small, "include_dashboard": False}
    )
    try:
        made.add_node(**small)
        ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def test_results_of_all_items_and_what_work_raises(nodes: Any, tmp_path: Path) -> None:
    done = cluster.on_cluster(abs, range(-6, 0), shared=tmp_path)
    assert sorted(done) == [1, 2, 3, 4, 5, 6]
    assert list(cluster.on_cluster(abs, [], shared=tmp_path)) == []
    with pytest.raises(TypeError):
        list(cluster.on_cluster(abs, ["x"], shared=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_a_machine_does_not_see(nodes: Any, tmp_path: Path) -> None:
    results = cluster.on_cluster(abs, range(9), shared=tmp_path, workers=1)
    next(results)
    (tmp_path / cluster.MARK).write_text("another folder of this name")
    with pytest.raises(UserError, match=r"does not see .* all machines share"):
        list(results)


def test_no_room_and_work_that_always_dies(nodes: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no room for a task of one core and 1 GPUs"):
        list(cluster.on_cluster(abs, [1], shared=tmp_path, gpus=1))
    with pytest.raises(UserError, match=r"gave up on 1 .* fewer hands"):
        list(cluster.on_cluster(os._exit, [1], shared=tmp_path, mend="fewer hands"))


def test_a_dataset_is_that_of_the_local_engine_though_a_worker_is_killed(nodes: Any, tmp_path: Path) -> None:
    pytest.importorskip("mediapipe")
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(4):
        part = data.astronaut()[index : 320 + index, 60 + index : 380 + index, ::-1]
        cv2.imwrite(str(photos / f"{index}.png"), part)
    local = Config(photos, tmp_path / "local", degradations=FACES, workers=1)
    build.run(local)
    killed: list[int] = []
    killer = threading.Thread(target=kill_one, args=(tmp_path / "ray" / ".work", killed), daemon=True)
    killer.start()
    build.run(Config(photos, tmp_path / "ray", degradations=FACES, engine="ray"))
    killer.join(300)
    assert killed
    assert hashes(tmp_path / "ray") == hashes(tmp_path / "local")


def kill_one(work: Path, killed: list[int]) -> None:
    """Kill one of our cluster's processes as soon as a first photo is done."""
    while not list(work.glob("*.json")):
        time.sleep(0.01)
    for process in psutil.Process().children(recursive=True):
        if " ".join(process.cmdline()[:1]).startswith("ray::_do"):
            os.kill(process.pid, signal.SIGKILL)
            killed.append(process.pid)
            return


def hashes(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != "config.json")  # it names the folder
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_without_ray_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'asap-align\[ray\]'"):
        next(cluster.on_cluster(abs, [1], shared=tmp_path))
