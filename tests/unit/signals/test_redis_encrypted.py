"""A Redis behind TLS: its certificate is verified, whatever a URL says."""

import ipaddress
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.redis_parts import (
    PATIENCE_SECONDS,
    RedisServer,
    a_hint,
    free_port,
    hearing,
    redis_server,
    signals_by,
)


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[tuple[RedisServer, int]]:
    """A server, and its port for encrypted connections; its certificate is `own.pem`."""
    certificate, key = self_signed(tmp_path)
    port = free_port()
    options = (
        *("--tls-port", str(port), "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
    )
    with redis_server(tmp_path, *options) as server:
        yield server, port


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for loopback, and its key."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "redis of a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(secret, hashes.SHA256())
    )
    certificate, key = folder / "own.pem", folder / "own.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, key


def test_hints_travel_encrypted(encrypted: tuple[RedisServer, int], tmp_path: Path) -> None:
    url = f"rediss://127.0.0.1:{encrypted[1]}?ssl_ca_certs={tmp_path}/own.pem"
    hints = [a_hint(number) for number in range(500)]
    with signals_by(url) as signals, hearing(signals, "workers") as ear:
        for hint in hints:
            signals.tell("workers", hint)
        ear.until_all_of(hints)


@pytest.mark.parametrize(
    ("host", "query"), [("127.0.0.1", ""), ("localhost", "?ssl_ca_certs={folder}/own.pem")]
)
def test_a_server_that_nobody_vouches_for_or_another_ones_name_is_not_spoken_to(
    encrypted: tuple[RedisServer, int], tmp_path: Path, host: str, query: str
) -> None:
    url = f"rediss://{host}:{encrypted[1]}{query.format(folder=tmp_path)}"
    said: list[str] = []
    is_said = threading.Event()

    def report(line: str) -> None:
        said.append(line)
        is_said.set()

    with signals_by(url, report=report) as signals:
        signals.tell("workers", a_hint())
        assert is_said.wait(PATIENCE_SECONDS)
    assert "SSLCertVerificationError" in said[0]
