"""Installation: what tells one home folder from all others, on this machine and elsewhere."""

import re
import secrets
from pathlib import Path

from penstock.errors import SetupError
from penstock.local.atomic import exclusive, replace_file
from penstock.local.home_layout import installation_path

_BYTES = 16
_FORM = re.compile(r"[0-9a-f]{32}")


def installation_of(home: Path) -> str:
    """Give a home's own name, 32 digits of base16; it is made when first asked for, and stays.

    Every process that asks gets the same one. Raises SetupError if it can't be written or read.
    """
    path = installation_path(home)
    with exclusive(path.with_name(f"{path.name}.lock")):
        try:
            name = path.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            name = secrets.token_hex(_BYTES)
            replace_file(path, f"{name}\n".encode())
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(f"{path} can't be read.") from error
    if not _FORM.fullmatch(name):
        raise SetupError(f"{path} holds no home's name; without it, another one is made.")
    return name
