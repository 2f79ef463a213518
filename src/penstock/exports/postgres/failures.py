"""What the tenant's database says when it fails, as errors of a job."""

import psycopg

from penstock.errors import JobError, PermanentError, RecoverableError

_PERMANENT = {
    "42501": "The database's role may not read what this export needs.",
    "42P01": "The database has no such table.",
    "42703": "The database has no such column.",
    "3F000": "The database has no such schema.",
    "25006": "The database doesn't let an export change anything.",
}
"""Codes of PostgreSQL (its manual, appendix A) with a word of their own."""

_FUNCTION = "A function in the database refuses or fails at what this export reads."

_PERMANENT_CLASSES = {
    "22": "A value in the database can't be read as this export wants it.",
    "42": "The database doesn't understand this export's query.",
    "0A": "The database doesn't support what this export's query needs.",
    "23": "A rule of the database doesn't let this export's query pass.",
    "2F": _FUNCTION,
    "38": _FUNCTION,
    "39": _FUNCTION,
    "44": "A view of the database doesn't let this export's query pass.",
    "54": "This export's query is too large or too complex for the database.",
    "P0": _FUNCTION,
    "21": "The database gives more rows than this export's query may have in one place.",
}

_LOST = "The tenant's database was lost while it was read."
_OTHER_SESSION = "The database's session changed in the midst of a query."
_RECOVERABLE = {
    # A pooler gave the next session to somebody else, or one of somebody else's to this export.
    "42P05": _OTHER_SESSION,
    "26000": _OTHER_SESSION,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P03": _LOST,
    "25P03": _LOST,
    "55P03": "The database kept a table locked for too long.",
    "57014": "The database ended the query, which took too long.",
    "40001": "The database ended the query, since it got in the way of another one.",
}


def of_statement(error: Exception) -> JobError:
    """Give the error of a statement that failed: permanent where another try can't help.

    The text that the database sends may repeat values of rows, so it isn't repeated.
    """
    code = getattr(error, "sqlstate", None)
    if not isinstance(code, str):
        return lost()
    if said := _RECOVERABLE.get(code):
        return RecoverableError(said, sqlstate=code)
    if said := _PERMANENT.get(code) or _PERMANENT_CLASSES.get(code[:2]):
        return PermanentError(said, sqlstate=code)
    return RecoverableError("The database could not go on with the query.", sqlstate=code)


def of_connecting(error: Exception) -> RecoverableError:
    """Give the error of a connection that was not made; what is at fault can be mended meanwhile.

    libpq's own text names hosts and users, so only its kind is told.
    """
    text = str(error)
    if "certificate" in text or "SSL" in text:
        why = "its TLS can't be verified"
    elif isinstance(error, psycopg.errors.ConnectionTimeout) or "timeout expired" in text:
        why = "it doesn't answer in time"
    elif "FATAL" in text:
        why = "it refuses the connection"
    else:
        why = "it can't be reached"
    return RecoverableError(f"The tenant's database can't be connected to: {why}.")


def of_snapshot(error: Exception) -> JobError:
    """Give the error of a snapshot that can't be joined: an attempt must start with a new one."""
    if getattr(error, "sqlstate", None) is None:
        return lost()
    return RecoverableError(
        "The database's snapshot was lost: the export starts again.",
        sqlstate=getattr(error, "sqlstate", None),
    )


def ended() -> RecoverableError:
    """Give the error of a read that ended for a reason that nobody tells, while connected."""
    return RecoverableError("The database ended the query before all of its rows were read.")


def lost() -> RecoverableError:
    """Give the error of a connection that broke."""
    return RecoverableError(_LOST)
