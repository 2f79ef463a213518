"""What a check says when something isn't as it has to be, or when it has learnt nothing."""


class CheckFailedError(AssertionError):
    """One sentence about what was seen."""


def require(held: bool, said: str) -> None:  # noqa: FBT001 - reads as an assertion does
    """Go on if this held. Raises CheckFailedError, which says `said`, if it didn't."""
    if not held:
        raise CheckFailedError(said)
