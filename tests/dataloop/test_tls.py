"""Certificates are looked at whatever dtlpy's environment says; a variable names a private authority."""

import datetime
import http.server
import ssl
import threading
from collections.abc import Iterator
from copy import copy
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from polymask import Unavailable
from polymask.dataloop.emulator import fake_token
from polymask.dataloop.service import client as client_module
from polymask.dataloop.service.client import Client


def certificate(folder: Path) -> Path:
    """A certificate of this machine's own, which nobody vouches for, and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "own.pem").write_bytes(plain + made.public_bytes(serialization.Encoding.PEM))
    return folder / "own.pem"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server with such a certificate, and the certificate."""
    own = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", own
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(secure: tuple[str, Path], dtlpy: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    """dtlpy's own client in an environment that says not to verify."""
    api = copy(dtlpy.client_api)
    kind = type(api)
    monkeypatch.setattr(kind, "environment", property(lambda _: secure[0]))
    monkeypatch.setattr(kind, "base_gate_url", property(lambda _: secure[0]))  # else that of the last call
    monkeypatch.setattr(kind, "verify", property(lambda _: False))
    api._token = fake_token("ann@example.org")
    api._check_fork()
    api.session = client_module._session(1)
    monkeypatch.setattr(client_module, "ATTEMPTS", 1)
    return Client(api)


def test_an_unknown_certificate_is_refused(client: Client) -> None:
    """Also where dtlpy's environment has `verify_ssl` off, as one for a local server may."""
    with pytest.raises(Unavailable, match="SSLError") as failed:
        client.call("GET", "/x", safe=True)
    assert client._api.token not in str(failed.value)


def test_an_authority_is_named_by_a_variable(
    client: Client, secure: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A private installation's certificate is trusted, not none looked at."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(secure[1]))
    assert client.call("GET", "/x", safe=True) == {}
