"""Connection strings of tenants' databases, in one JSON file that is open to its owner alone.

{"databases": {"acme": "postgresql://reader:secret@db.acme.example/acme?sslmode=verify-full"}}
"""

import json
from codecs import BOM_UTF8
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from penstock.errors import BusyError, NoDatabaseError, SetupError
from penstock.local.atomic import exclusive, private_folder, replace_file
from penstock.model.tenant import ID_FORM, is_tenant_id

_RETRY_SECONDS = 5
_OTHERS = 0o077


def _id(text: str) -> str:
    if not is_tenant_id(text):
        raise ValueError(ID_FORM)
    return text


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    databases: dict[Annotated[str, AfterValidator(_id)], Annotated[str, Field(min_length=1)]] = {}


class FileDatabases:
    """The file described above, read whenever it is asked; a missing one names no database.

    A tenant that it doesn't name may be one of the demo's: `demo` gives how to connect to what the
    demo made for that very tenant, None for all others. No error tells a connection string.
    """

    def __init__(self, path: Path, *, demo: Callable[[str], str | None] | None = None) -> None:
        self._path = path
        self._demo = demo or (lambda _: None)

    def connection_string(self, tenant: str) -> str:
        try:
            named = self._read()
        except SetupError as error:
            raise BusyError(
                "The tenants' databases can't be looked up just now: try again in "
                f"{_RETRY_SECONDS} s.",
                retry_after_seconds=_RETRY_SECONDS,
            ) from error
        try:
            found = named[tenant] if tenant in named else self._demo(tenant)
        except SetupError as error:
            # It was killed while it started, perhaps; its log stands in the home folder.
            raise BusyError(
                f"The demo database can't be started just now: try again in {_RETRY_SECONDS} s.",
                retry_after_seconds=_RETRY_SECONDS,
            ) from error
        if found is None:
            raise NoDatabaseError
        return found

    def tenants(self) -> list[str]:
        """List the tenants that the file names. Raises SetupError if it can't be read."""
        return sorted(self._read())

    def put(self, tenant: str, connection_string: str) -> None:
        """Set how to connect to a tenant's database, from now on.

        Raises SetupError if the file can't be read or written, or this can't stand in it.
        """
        self._change(lambda databases: databases | {tenant: connection_string})

    def remove(self, tenant: str) -> None:
        """Forget a tenant's database. Raises SetupError if the file can't be read or written."""
        self._change(
            lambda databases: {name: said for name, said in databases.items() if name != tenant}
        )

    def _change(self, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
        private_folder(self._path.parent)
        with exclusive(self._path.with_name(f"{self._path.name}.lock")):
            databases = change(self._read())
            content = json.dumps({"databases": databases}, ensure_ascii=False, indent=2) + "\n"
            # What can't be read back must not be written.
            self._parsed(content.encode())
            replace_file(self._path, content.encode())

    def _read(self) -> dict[str, str]:
        try:
            content = self._path.read_bytes()
            if self._path.stat().st_mode & _OTHERS:
                # Written by hand, perhaps: it holds passwords.
                self._path.chmod(0o600)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SetupError(f"{self._path} can't be read: {error.strerror}.") from error
        return self._parsed(content)

    def _parsed(self, content: bytes) -> dict[str, str]:
        try:
            return _Document.model_validate_json(content.removeprefix(BOM_UTF8)).databases
        except ValidationError as error:
            fault = error.errors(include_input=False, include_url=False)[0]
            said = fault["msg"].removeprefix("Value error, ")
            tenants = [step for step in map(str, fault["loc"][1:2]) if is_tenant_id(step)]
        # Not from the error, which holds what was read, and so a password; nor is a name told that
        # can't be a tenant's.
        raise SetupError(": ".join([str(self._path), *tenants, f"{said}."]))
