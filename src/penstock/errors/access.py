"""Errors of access: who asks may not have this."""

from penstock.errors.root import PenstockError


class AccessError(PenstockError):
    """Who asks may not have this."""

    code = "access"


class BadKeyError(AccessError):
    """An API key that is unknown, expired, revoked or another tenant's: which one isn't said."""

    code = "bad-key"

    def __init__(self) -> None:
        super().__init__(
            "The API key in X-Api-Key is not valid for this host: check it for typing errors, "
            "or ask its issuer for a new one."
        )


class KeyNeededError(AccessError):
    """What no visitor may have was asked for without a key."""

    code = "key-needed"

    def __init__(self) -> None:
        super().__init__("This needs an API key: send it in X-Api-Key.")


class BadTicketError(AccessError):
    """A socket's ticket is unknown, used, too old or another tenant's."""

    code = "bad-ticket"

    def __init__(self) -> None:
        super().__init__(
            "The ticket opens no socket, or none any more: ask for a new one at /v1/events/tickets."
        )


class ForbiddenError(AccessError):
    """A known asker lacks the role that this needs."""

    code = "forbidden"


class BadSignatureError(AccessError):
    """A signed URL is expired, altered, or was made for another path or tenant."""

    code = "bad-signature"

    def __init__(self, detail: str) -> None:
        super().__init__(f"The signed URL {detail}: ask for a new one.", parameter="_sig")
