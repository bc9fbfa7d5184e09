"""Persistence: what was answered survives, also a kill at any byte."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from polymask.dataloop.emulator import Emulator
from polymask.errors import FormatError, Locked
from tests.dataloop.conftest import Api, Harbor, png, polygon


def state(emulator: Emulator) -> list[list[dict[str, object]]]:
    """Everything but links, which hold the port."""
    kinds = (emulator.projects(), emulator.datasets(), emulator.items(), emulator.annotations())
    return [
        [{k: v for k, v in record.items() if emulator.gate_url not in str(v)} for record in kind]
        for kind in kinds
    ]


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    """Projects, items with their bytes, annotations and deletions are as they were."""
    with Emulator(store=tmp_path) as emulator:
        harbor = Harbor(emulator)
        gone, kept = harbor.add_polygons(2)
        api = Api(emulator)
        api("DELETE", f"/annotations/{gone}")
        api("PUT", f"/annotations/{kept}", {"label": "dog"})
        before = state(emulator)
    with Emulator(store=tmp_path) as emulator:
        assert state(emulator) == before
        assert emulator.picture(harbor.item_id) == png()
        assert emulator.annotations()[0]["label"] == "dog"
        assert emulator.add_annotation(harbor.item_id, polygon())["id"] > kept
    calls = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [(record["method"], record["status"]) for record in calls] == [("DELETE", 200), ("PUT", 200)]


def test_deleted_ids_are_never_used_again(tmp_path: Path) -> None:
    """Also the newest id, if its document is gone, stays used after a restart."""
    with Emulator(store=tmp_path) as emulator:
        harbor = Harbor(emulator)
        (gone,) = harbor.add_polygons(1)
        emulator.remove_annotation(gone)
    with Emulator(store=tmp_path) as emulator:
        assert emulator.add_annotation(harbor.item_id, polygon())["id"] > gone


def test_a_torn_last_line_is_as_if_it_was_never_written(tmp_path: Path) -> None:
    """Cut off at every byte of its last line, the store opens in the state before that write, and goes on."""
    with Emulator(store=tmp_path) as emulator:
        harbor = Harbor(emulator)
        before = state(emulator)
        emulator.add_annotation(harbor.item_id, polygon())
        after = state(emulator)
    log = tmp_path / "changes.jsonl"
    whole = log.read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    for end in range(start, len(whole) + 1, 7):
        log.write_bytes(whole[:end])
        emulator = Emulator(store=tmp_path)
        assert state(emulator) == (after if end == len(whole) else before)
        emulator.add_project("later")
        emulator.close()
        again = Emulator(store=tmp_path)
        assert "later" in [record["name"] for record in again.projects()]
        again.close()


def test_a_line_that_is_no_change_is_refused(tmp_path: Path) -> None:
    """A store that somebody edited is not opened; the message names the line."""
    with Emulator(store=tmp_path) as emulator:
        emulator.add_project("boats")
    log = tmp_path / "changes.jsonl"
    log.write_bytes(b'{"not": "ours"}\n' + log.read_bytes())
    with pytest.raises(FormatError, match=r"changes.jsonl:1"):
        Emulator(store=tmp_path)


def test_a_store_has_one_owner(tmp_path: Path) -> None:
    """A second emulator on the same folder is refused, and the first is not disturbed."""
    with Emulator(store=tmp_path) as emulator:
        with pytest.raises(Locked, match="another emulator"):
            Emulator(store=tmp_path)
        emulator.add_project("boats")
    with Emulator(store=tmp_path) as emulator:
        assert [record["name"] for record in emulator.projects()] == ["boats"]


def test_a_seed_is_sown_once(tmp_path: Path) -> None:
    """Restarted with the same seed, a store keeps what became of it."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "a.png").write_bytes(png())
    for _ in range(2):
        with Emulator(seed=pictures, store=tmp_path / "store") as emulator:
            (item,) = emulator.items()
            assert emulator.picture(item["id"]) == png()
            harbor_annotations = len(emulator.annotations())
            emulator.add_annotation(item["id"], polygon())
    assert harbor_annotations == 1


KILLED = """
import os, signal, sys
from polymask.dataloop.emulator import Emulator
emulator = Emulator(store=sys.argv[1])
item = emulator.add_item(emulator.add_dataset(emulator.add_project("p")["id"], "d")["id"], "/a.png")
for number in range(50):
    emulator.add_annotation(item["id"], {"type": "box", "label": str(number)})
print("done", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_it_has_lost_nothing(tmp_path: Path) -> None:
    """What was done before a kill is there after it."""
    run = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, check=False)
    assert (run.returncode, run.stdout) == (-signal.SIGKILL, b"done\n"), run.stderr
    with Emulator(store=tmp_path) as emulator:
        assert [record["label"] for record in emulator.annotations()] == [str(number) for number in range(50)]
