"""Parameter Store: the parameters of one environment, by their names below `/penstock/{env}`."""

import re
from typing import Any, Literal

from botocore.exceptions import ClientError

from penstock.aws.services.record_failures import as_busy, code_of
from penstock.errors import SetupError

Kind = Literal["String", "StringList", "SecureString"]

LONGEST_VALUE = 4096
"""Characters of a standard parameter; Systems Manager's quotas, "Parameter Store"."""

_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_MOST_AT_ONCE = 10
"""The most that GetParametersByPath gives in one answer."""


class Parameters:
    """Parameters `/penstock/{environment}/{name}`; a name is one of `a-zA-Z0-9_.-` and `/`.

    Every method raises BusyError if Parameter Store fails.
    """

    def __init__(self, client: Any, *, environment: str) -> None:
        if not _ENVIRONMENT.fullmatch(environment):
            raise SetupError(
                f"“{environment}” is no environment's name: use letters, digits, - and _."
            )
        self._client = client
        self._root = f"/penstock/{environment}/"

    def full_name(self, name: str) -> str:
        """Give the name that Parameter Store knows it by."""
        return self._root + name

    def get(self, name: str, *, decrypted: bool = False) -> str | None:
        """Give a parameter's value, None if there is none."""
        with as_busy():
            try:
                answer = self._client.get_parameter(
                    Name=self.full_name(name), WithDecryption=decrypted
                )
            except ClientError as error:
                if code_of(error) == "ParameterNotFound":
                    return None
                raise
        return str(answer["Parameter"]["Value"])

    def below(
        self, path: str, *, recursive: bool = False, decrypted: bool = False
    ) -> dict[str, str]:
        """Give what stands below a path, by the names behind it; without `recursive`, just below.

        One round trip for each ten parameters.
        """
        prefix = self.full_name(path) + "/"
        found: dict[str, str] = {}
        more: dict[str, str] = {}
        with as_busy():
            while True:
                answer = self._client.get_parameters_by_path(
                    Path=prefix,
                    Recursive=recursive,
                    WithDecryption=decrypted,
                    MaxResults=_MOST_AT_ONCE,
                    **more,
                )
                for each in answer["Parameters"]:
                    found[str(each["Name"]).removeprefix(prefix)] = str(each["Value"])
                if not answer.get("NextToken"):
                    return found
                more = {"NextToken": answer["NextToken"]}

    def put(self, name: str, value: str, *, kind: Kind = "String") -> None:
        """Store a value, in place of the one there is."""
        with as_busy():
            self._client.put_parameter(
                Name=self.full_name(name), Value=value, Type=kind, Overwrite=True
            )

    def put_new(self, name: str, value: str, *, kind: Kind = "String") -> bool:
        """Store a value where there is none; False, and nothing is changed, where there is one.

        Of several that do this at once, one gets True. A SecureString is encrypted with the key
        that AWS keeps for Parameter Store in the account.
        """
        with as_busy():
            try:
                self._client.put_parameter(
                    Name=self.full_name(name), Value=value, Type=kind, Overwrite=False
                )
            except ClientError as error:
                if code_of(error) == "ParameterAlreadyExists":
                    return False
                raise
        return True

    def delete(self, name: str) -> None:
        """Remove a parameter, if there is one."""
        with as_busy():
            try:
                self._client.delete_parameter(Name=self.full_name(name))
            except ClientError as error:
                if code_of(error) != "ParameterNotFound":
                    raise
