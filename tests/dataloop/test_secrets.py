"""A token goes into requests and nowhere else; what is written is for its owner only."""

import base64
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from polymask.dataloop.emulator import Emulator, Fault, cookie
from tests.dataloop.home import ROOT
from tests.dataloop.world import ACROSS, RING_WITH_HOLE, URL, World

# Converts, fails, restores, and looks at its own title, as the command line does.
PROGRAM = f"""
import logging, sys, traceback
from pathlib import Path
logging.basicConfig(level="DEBUG", stream=sys.stderr)
from polymask.dataloop.jobs.run import convert_in_place
from polymask.dataloop.jobs.undoing.restoration import restore_dataset
from polymask.in_place.job import ProvenOptions
for step in (
    lambda: convert_in_place("{URL}", ProvenOptions(delete_source=True)),
    lambda: restore_dataset("{URL}"),
    lambda: convert_in_place("dataloop://boats/nowhere", ProvenOptions(delete_source=True)),
):
    try:
        print(step())
    except Exception as error:
        traceback.print_exc()
        print(repr(error))
print(Path("/proc/self/cmdline").read_bytes())
"""


def canary(expires_in: float = 86400) -> str:
    """A token that dtlpy accepts and that stands out wherever it is written."""
    claims = {"email": "ann@example.org", "exp": int(time.time() + expires_in), "jti": "canary" * 5}
    parts = ({"alg": "HS256", "typ": "JWT"}, claims, {"canary": "signature"})
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts)


FAULTS = {
    "none": [],
    "refused": [Fault("*", "**", "status", status=401, skip=12, times=4)],
    "dropped": [Fault("POST", "/items/*/annotations", "drop-after"), Fault("GET", "**", "drop-before")],
    "garbled": [Fault("POST", "**/query", "invalid-json", times=2), Fault("DELETE", "**", "truncate")],
    "expired": [],
}


@pytest.mark.parametrize("login", ["variable", "cookie"])
@pytest.mark.parametrize("faults", FAULTS)
def test_a_token_is_written_nowhere(
    dataloop_emulator: Emulator, tmp_path: Path, login: str, faults: str
) -> None:
    """No output, log, journal or other file holds it, whatever goes wrong; the user's cookie excepted."""
    world = World(dataloop_emulator)
    world.add_item("/0.png", RING_WITH_HOLE, ACROSS)
    dataloop_emulator.faults.add(*FAULTS[faults])
    token = canary(30 if faults == "expired" else 86400)
    home = tmp_path / "home"
    users = home / ".dataloop"
    users.mkdir(parents=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "NO_PROXY": "127.0.0.1",
    }
    if login == "cookie":
        (users / "cookie.json").write_text(cookie(dataloop_emulator.url, token))
    else:
        # Where the platform is must be told somehow; the token in this file is another.
        (users / "cookie.json").write_text(cookie(dataloop_emulator.url))
        environment["DATALOOP_TOKEN"] = token
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=home,
        capture_output=True,
        check=True,
        timeout=100,
    )
    if faults == "none":
        assert b"deleted=2" in done.stdout
    secrets = [part.encode() for part in token.split(".")[1:]] + [token.encode()]
    written = {"stdout": done.stdout, "stderr": done.stderr}
    written |= {str(p.relative_to(home)): p.read_bytes() for p in home.rglob("*") if p.is_file()}
    if login == "cookie":
        del written[".dataloop/cookie.json"]
    assert [name for name, data in written.items() if any(secret in data for secret in secrets)] == []
    journals = home / ".local" / "state" / "polymask"
    assert faults == "expired" or any(journals.rglob("backup.jsonl"))
    assert too_open(journals) == []


def too_open(folder: Path) -> list[str]:
    """Files and folders that somebody else may read."""
    found = [folder, *folder.rglob("*")] if folder.exists() else []
    return [str(p) for p in found if stat.S_IMODE(p.stat().st_mode) & 0o077]


def test_without_a_login_dtlpys_files_are_private(tmp_path: Path) -> None:
    """A user who never logged in gets no `~/.dataloop`: dtlpy's files go to a folder of ours, 0700."""
    home = tmp_path / "home"
    home.mkdir()
    program = """
import os
os.umask(0)
from polymask.dataloop.service.client import connect
connect()
"""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
    environment["DATALOOP_TOKEN"] = token = canary()
    subprocess.run([sys.executable, "-c", program], env=environment, cwd=home, check=True, timeout=100)
    assert not (home / ".dataloop").exists()
    private = home / ".local" / "state" / "polymask" / "dtlpy"
    assert too_open(home / ".local") == []
    files = [p for p in private.rglob("*") if p.is_file()]
    assert files
    assert [p for p in files if token.encode() in p.read_bytes()] == []


@pytest.mark.parametrize("own", ["variable", "login"])
def test_the_users_own_dtlpy_is_used_as_it_is(tmp_path: Path, own: str) -> None:
    """A set DATALOOP_PATH, or a login that is there, is where dtlpy's files stay."""
    home = tmp_path / "home"
    folder = home / (".dataloop" if own == "login" else "mine")
    folder.mkdir(parents=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
    if own == "login":
        (folder / "cookie.json").write_text(cookie("http://127.0.0.1:9/api/v1"))
    else:
        environment["DATALOOP_PATH"] = str(folder)
    imports = "from polymask.dataloop.service.client import import_dtlpy"
    program = f"{imports}; print(import_dtlpy().client_api.cookie_io.COOKIE)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=home,
        check=True,
        timeout=100,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(folder / "cookie.json")
    assert not (home / ".local").exists()
