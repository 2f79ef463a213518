import inspect
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.local.tenants.keys import SqliteKeys
from penstock.model.key import ApiKey, new_key

NOW = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[SqliteKeys]:
    keys = SqliteKeys(tmp_path / "p.sqlite", now=lambda: NOW)
    yield keys
    keys.close()


def test_no_token_and_no_secret_stands_in_any_file(keys: SqliteKeys, tmp_path: Path) -> None:
    tokens = []
    for user in ("ann", "bob"):
        key, token = new_key(tenant="acme", user=user, role="admin", created=NOW)
        keys.add(key)
        keys.find(key.prefix)
        tokens.append(token)
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"acme" in content for content in files)
    for token in tokens:
        secret = token.split("_", 2)[2]
        assert [content for content in files if secret.encode() in content] == []


def test_a_secret_is_compared_in_constant_time() -> None:
    assert "compare_digest" in inspect.getsource(ApiKey.opens_with)


def test_rotating_keeps_the_newest_two_and_the_newest_signs(keys: SqliteKeys) -> None:
    (first,) = keys.signing_keys("acme")
    second = keys.rotate_signing_key("acme")
    assert keys.signing_keys("acme") == (second, first)
    third = keys.rotate_signing_key("acme")
    assert keys.signing_keys("acme") == (third, second)


def test_rotating_one_tenants_key_leaves_the_others(keys: SqliteKeys) -> None:
    before = keys.signing_keys("river")
    for _ in range(3):
        keys.rotate_signing_key("acme")
    assert keys.signing_keys("river") == before


def test_two_processes_that_add_at_once_leave_two_live_keys(
    keys: SqliteKeys, tmp_path: Path
) -> None:
    script = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from penstock.errors import SetupError\n"
        "from penstock.local.tenants.keys import SqliteKeys\n"
        "from penstock.model.key import new_key\n"
        "now = datetime(2024, 5, 1, tzinfo=UTC)\n"
        "keys = SqliteKeys(Path(sys.argv[1]), now=lambda: now)\n"
        "for _ in range(5):\n"
        "    key, _token = new_key(tenant='acme', user='ann', role='reader', created=now)\n"
        "    try:\n"
        "        keys.add(key)\n"
        "    except SetupError:\n"
        "        pass\n"
        "keys.close()\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "p.sqlite")])
        for _ in range(2)
    ]
    assert [process.wait() for process in running] == [0, 0]
    assert len(keys.list("acme")) == 2
