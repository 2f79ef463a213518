"""No signals: jobs are looked at as often as they would be anyway."""

from contextlib import AbstractContextManager, nullcontext

from penstock.ports import Audience, Heard, Hint, Signals


class SilentSignals:
    """Hints that nobody hears, where no way for them is configured."""

    def tell(self, audience: Audience, hint: Hint) -> None:
        """Tell nobody."""

    def hearing(self, audience: Audience, heard: Heard) -> AbstractContextManager[None]:  # noqa: ARG002 - the port's
        """Hear nothing."""
        return nullcontext()


SILENT: Signals = SilentSignals()
