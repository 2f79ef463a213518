"""Names: everything that a run of these tests makes is called after one label."""

import re
import secrets
from dataclasses import dataclass

from tests.aws.findings import require

TAG = "penstock-account-test"
"""The tag of all that a run makes; its value is the stack's name."""
TENANT = "probe"

_STACK = re.compile(r"penstock-test-([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one run, whose label is eight hexadecimal digits."""

    label: str

    @property
    def stack(self) -> str:
        """The stack's name."""
        return f"penstock-test-{self.label}"

    @property
    def environment(self) -> str:
        """The stage: parameters stand below `/penstock/{environment}/`."""
        return f"test-{self.label}"

    @property
    def artifacts(self) -> str:
        """The bucket that functions and layers are uploaded to."""
        return f"{self.stack}-artifacts"


def new_names() -> Names:
    """Make names that nothing has yet."""
    return Names(secrets.token_hex(4))


def names_of(stack: str) -> Names:
    """Give the names that go with a stack's.

    Raises CheckFailedError if it isn't one of these tests: nothing else may be removed.
    """
    found = _STACK.fullmatch(stack)
    require(
        found is not None,
        f"“{stack}” is no stack of these tests, which are called penstock-test- and eight digits.",
    )
    assert found is not None
    return Names(found[1])
