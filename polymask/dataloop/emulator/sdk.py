"""How to point dtlpy, and people, at an emulator."""

import base64
import json
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from polymask.dataloop.emulator.platform import USER

NO_DATASET = "dataloop://emulator/DATASET"
_DAY = 24 * 3600.0


def fake_token(email: str = USER, *, expires_in: float = _DAY) -> str:
    """Return a JSON web token that dtlpy accepts: right in form, signed by nobody.

    Parameters
    ----------
    email
        The claim that dtlpy reads when it deletes annotations.
    expires_in
        Seconds from now; dtlpy stops using a token a minute before it expires.

    Examples:
        >>> fake_token("a@b.c").count(".")
        2
    """
    # dtlpy reads these two and verifies nothing.
    claims = {"email": email, "exp": int(time.time() + expires_in)}
    return ".".join((_encoded({"alg": "HS256", "typ": "JWT"}), _encoded(claims), _encoded({})))


def cookie(url: str, token: str | None = None) -> str:
    """Return the text of `$DATALOOP_PATH/cookie.json` that points a process at an emulator.

    Write it before the process imports dtlpy; no line of the process needs to change.

    Examples:
        >>> json.loads(cookie("http://127.0.0.1:9/api/v1", "t"))["url"]
        'http://127.0.0.1:9/api/v1'
    """
    login = {"alias": "gate", "token": token or fake_token(), "verify_ssl": False, "gate_url": _gate(url)}
    return json.dumps({"url": url, "login_parameters": {url: login}})


def point_sdk_at(emulator_url: str, *, token: str | None = None) -> None:
    """Make the dtlpy of this process talk to an emulator; no request is made.

    dtlpy keeps its environment in one module and in files under `DATALOOP_PATH`
    and the home folder: set both to a folder of your own before it is imported.
    """
    import dtlpy

    token = token or fake_token()
    client = dtlpy.client_api
    client.add_environment(
        environment=emulator_url, alias="gate", token=token, verify_ssl=False, gate_url=_gate(emulator_url)
    )
    dtlpy.setenv(emulator_url)
    # Last, because changing the environment forgets the token.
    client.token = token


def instructions(url: str, datasets: Sequence[str] = ()) -> str:
    """Return how to point dtlpy and polymask at the emulator at `url`, and the URLs of its datasets.

    Examples:
        >>> instructions("http://127.0.0.1:9/api/v1").splitlines()[0]
        'Dataloop emulator at http://127.0.0.1:9/api/v1'
    """
    commands = "\n".join(f"    polymask convert {dataset}" for dataset in datasets or [NO_DATASET])
    return f"""\
Dataloop emulator at {url}

In Python, before anything else uses dtlpy:

    from polymask.dataloop.emulator import point_sdk_at
    point_sdk_at("{url}")

For a program that you do not want to change, in a new folder:

    export DATALOOP_PATH="$PWD/dataloop" HOME="$PWD"
    mkdir -p "$DATALOOP_PATH"
    python -c 'from polymask.dataloop.emulator import cookie; print(cookie("{url}"))' \\
        > "$DATALOOP_PATH/cookie.json"

and then, in the same shell:

{commands}

Any bearer token will do. Stop with Ctrl-C."""


def _gate(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
