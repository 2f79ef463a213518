"""Location: where in the code an error came up."""

import traceback
from pathlib import Path


def code_path(error: BaseException) -> str:
    """Say what failed and where, without the message: it may hold what somebody looked for."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(
        f"{Path(frame.filename).stem}.{frame.name}:{frame.lineno}" for frame in reversed(frames)
    )
    cause = error.__cause__
    behind = "" if cause is None else f", because of {code_path(cause)}"
    return f"{type(error).__name__} in {places}{behind}"
