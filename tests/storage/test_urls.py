"""A URL is read as a path is; what goes wrong far away is told in polymask's own errors."""

import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image

import polymask
from polymask import Denied, FormatError, InputError, LabelMap, NotFound, Unavailable
from polymask.storage.remote.urls import Url, located
from tests.conftest import SAMPLE
from tests.storage.conftest import SECRET, put, reconnect, variables

FIXTURES = Path("fixtures")
SOURCES = sorted(p.name for p in FIXTURES.iterdir() if p.suffix != ".py" and p.name != "__pycache__")


def told(source: str | Path | Url) -> object:
    """What a source gives, or why not."""
    try:
        return [(r.name, r.frame, [i.label for i in r.instances]) for r in polymask.read(source)]
    except polymask.PolymaskError as error:
        return type(error)


@pytest.mark.parametrize("source", SOURCES)
def test_every_sample_reads_from_a_url_as_from_disk(source: str, memory: Url) -> None:
    """Files, folders and zips, of every format, with pictures and tables that lie beside."""
    assert told(put(memory / source, FIXTURES / source)) == told(FIXTURES / source)


def test_files_folders_and_zips_are_read_from_s3(bucket: Url) -> None:
    """A COCO file, a folder of a file an image, an archive in place."""
    for source in ("shapes/instances.json", "labelme", "cvat.zip"):
        assert told(f"{put(bucket / source, FIXTURES / source)}") == told(FIXTURES / source)


def test_file_and_zip_urls_are_the_files_themselves(memory: Url) -> None:
    """`file://` is a path; `zip://FILE` and `zip://::URL` are the archive, which is read in place."""
    assert located(f"file://{SAMPLE}") == SAMPLE
    assert told(f"zip://{FIXTURES / 'cvat.zip'}") == told(FIXTURES / "cvat.zip")
    assert told(f"zip://::{put(memory / 'c.zip', FIXTURES / 'cvat.zip')}") == told(FIXTURES / "cvat.zip")
    with pytest.raises(InputError, match="read as a whole"):
        located("zip://inside.json::s3://bucket/a.zip")


def test_a_hostile_archive_is_refused_wherever_it_lies(memory: Url) -> None:
    """The checks of a zip's names do not depend on the place."""
    data = BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("../out.json", "{}")
    with pytest.raises(FormatError, match="no safe file name"):
        list(polymask.read(f"{put(memory / 'a.zip', data.getvalue())}"))


@pytest.mark.parametrize("url", ["s3://", "s3://b//a", "s3://b/../c", "s3://b/./a", "memory://b/a/.."])
def test_urls_with_empty_or_upward_parts_are_refused(url: str) -> None:
    """They mean another place in another tool."""
    with pytest.raises(InputError, match="a part of it is empty"):
        located(url)


@pytest.mark.parametrize("key", ["b/../x.json", "b//x.json", "b/./x.json"])
def test_a_prefix_that_holds_a_hostile_key_is_refused(memory: Url, key: str) -> None:
    """A key is a name from data."""
    memory.store.store[f"/{memory.key}/{key}"] = memory.store.store.get("x") or _object(memory)
    with pytest.raises(FormatError, match="holds the key"):
        list(polymask.read(f"{memory}"))


def _object(memory: Url) -> object:
    put(memory / "fine.json", SAMPLE)
    return memory.store.store[f"/{memory.key}/fine.json"]


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    """It would end in logs; the stores' own tools have places for it."""
    with pytest.raises(InputError, match="no password in a URL") as raised:
        located(f"s3://me:{SECRET}@bucket/a.json")
    assert SECRET not in str(raised.value)


def test_a_signature_is_used_but_not_shown() -> None:
    """A signed link works; its text does not."""
    assert str(located(f"https://host/a.json?signature={SECRET}")) == "https://host/a.json"


@pytest.mark.parametrize(
    ("url", "driver"), [("s3://b/a", "s3fs"), ("gs://b/a", "gcsfs"), ("az://b/a", "adlfs")]
)
def test_a_missing_driver_is_named_with_its_extra(
    url: str, driver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pip install` is in the message."""
    reconnect()

    def missing(*_: object, **__: object) -> None:
        raise ImportError(f"Install {driver}")

    monkeypatch.setattr("fsspec.core.url_to_fs", missing)
    with pytest.raises(InputError, match=r"pip install 'polymask\[" + url[:2]):
        list(polymask.read(url))


def test_a_path_that_was_a_url_is_refused() -> None:
    """`Path` makes `s3:/bucket` of it, which would be a folder here."""
    with pytest.raises(InputError, match="pass it as text"):
        list(polymask.read(Path("s3://bucket/a.json")))


def test_an_unknown_protocol_is_refused() -> None:
    """With its name."""
    with pytest.raises(InputError, match="foo"):
        list(polymask.read("foo://host/a.json"))


def test_an_opened_object_is_a_seekable_file(remote: Url) -> None:
    """Read by ranges, from anywhere."""
    data = bytes(range(256)) * 9000
    with put(remote / "a.bin", data).open("rb") as file:
        assert (file.read(3), file.seek(-2, 2), file.read(), file.read()) == (
            data[:3],
            len(data) - 2,
            data[-2:],
            b"",
        )
        assert file.seek(1_500_000)
        assert file.read(1_000_000) == data[1_500_000:2_500_000]


def test_pictures_are_found_by_one_listing(memory: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by a question for each: `check` compares sizes, and asks the store for headers only."""
    picture = BytesIO()
    Image.new("RGB", (160, 120)).save(picture, "PNG")
    for name in ("harbor.png", "meadow.png", "empty.png"):
        put(memory / "pictures" / name, picture.getvalue())
    asked: list[str] = []
    real = Url.call
    monkeypatch.setattr(
        Url, "call", lambda self, method, *a, **k: (asked.append(method), real(self, method, *a, **k))[1]
    )
    assert polymask.check(SAMPLE, images=f"{memory}/pictures") == polymask.check(SAMPLE)
    assert asked.count("find") == 1
    assert set(asked) <= {"find", "info", "cat_file"}
    assert asked.count("info") <= 3


def test_label_files_are_read_from_urls(memory: Url, tmp_path: Path) -> None:
    """`--labels` takes one too."""
    polymask.convert(SAMPLE, tmp_path)
    assert LabelMap.load(put(memory / "labels.json", tmp_path / "labels.json")) == LabelMap.load(
        tmp_path / "labels.json"
    )


class _Refusing(BaseHTTPRequestHandler):
    """Answers every request with one status and S3's error of it."""

    status, code = 403, "AccessDenied"

    def do_GET(self) -> None:
        body = f"<Error><Code>{self.code}</Code><Message>no</Message></Error>".encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_PUT = do_GET  # noqa: N815 - as the library calls them

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "AccessDenied", Denied),
        (503, "ServiceUnavailable", Unavailable),
        (500, "InternalError", Unavailable),
    ],
)
def test_what_a_store_answers_becomes_an_error_of_ours(
    status: int, code: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the URL, and without the secret."""
    monkeypatch.setattr(_Refusing, "status", status)
    monkeypatch.setattr(_Refusing, "code", code)
    server = HTTPServer(("127.0.0.1", 0), _Refusing)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        _expect(error, f"http://127.0.0.1:{server.server_port}", monkeypatch)
    finally:
        server.shutdown()
        server.server_close()


def test_a_store_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's own exception is no OSError."""
    _expect(Unavailable, "http://127.0.0.1:9", monkeypatch)


def test_whoever_has_no_credentials_is_denied(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And told to log in."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    reconnect()
    with pytest.raises(Denied, match="log in to the store"):
        list(polymask.read("s3://bucket/a.json"))
    reconnect()


def _expect(error: type[Exception], address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables(address).items():
        monkeypatch.setenv(name, value)
    reconnect()
    with pytest.raises(error, match=r"s3://bucket/a\.json") as raised:
        list(polymask.read("s3://bucket/a.json"))
    assert SECRET not in str(raised.value)
    reconnect()


def test_what_is_not_there_is_not_found(bucket: Url) -> None:
    """An object, or a whole bucket."""
    for url in (f"{bucket}/none.json", "s3://no-such-bucket/none.json"):
        with pytest.raises(NotFound, match=url):
            list(polymask.read(url))
