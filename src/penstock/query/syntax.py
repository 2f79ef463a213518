"""Syntax: an expression's text into sqlglot's tree, once its tokens are known to be harmless.

This module imports sqlglot, which is slow to import: only an expression's reader imports it.
"""

import re

from sqlglot import Token, TokenType, exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from penstock.errors import BadExpressionError

MOST_BYTES = 4096
"""Length of an expression."""

MOST_NESTING = 20
"""Parentheses and prefixes (NOT, a sign) around one another."""

FUNCTIONS = ("lower", "upper", "length", "trim", "abs", "round", "coalesce", "date_trunc")
AGGREGATES = ("count", "sum", "avg", "min", "max")

_VALUES = frozenset({TokenType.STRING, TokenType.NUMBER})
_PREFIXES = frozenset({TokenType.NOT, TokenType.DASH, TokenType.PLUS})
_OPERATORS = frozenset(
    {
        TokenType.EQ,
        TokenType.NEQ,
        TokenType.LT,
        TokenType.LTE,
        TokenType.GT,
        TokenType.GTE,
        TokenType.AND,
        TokenType.OR,
        TokenType.IN,
        TokenType.IS,
        TokenType.LIKE,
        TokenType.BETWEEN,
        TokenType.FROM,
        TokenType.DISTINCT,
        TokenType.COMMA,
        TokenType.STAR,
        TokenType.L_PAREN,
        TokenType.R_PAREN,
        *_PREFIXES,
    }
)
_CONSTANTS = frozenset(
    {TokenType.NULL, TokenType.TRUE, TokenType.FALSE, TokenType.ISNULL, TokenType.NOTNULL}
)
_OTHER_STRINGS = frozenset(kind for kind in TokenType if kind.name.endswith("_STRING"))
_TYPED_LITERALS = frozenset({"date", "time", "timestamp", "timestamptz"})
_WORD = re.compile(r"[^\W\d]\w*")

_HINTS = {
    "ilike": "ILIKE isn't allowed: write lower(name) LIKE 'text%'",
    "escape": "LIKE has no ESCAPE here",
    "symmetric": "BETWEEN has no SYMMETRIC here",
    "select": "a subquery (SELECT) isn't allowed",
    "case": "CASE isn't allowed",
    "interval": "INTERVAL isn't allowed",
    "over": "a window (OVER) isn't allowed",
    "filter": "FILTER isn't allowed",
    "similar": "SIMILAR TO isn't allowed: use LIKE",
    "glob": "GLOB isn't allowed: use LIKE",
    "collate": "COLLATE isn't allowed",
    ".": "a name with “.” stands in double quotes, and a number begins with a digit",
    ";": "one expression is allowed, without “;”",
    "::": "a cast (::) isn't allowed: values take the type of what they are compared with",
    "||": "joining text (||) isn't allowed",
    "?": "there is nothing to bind: write the value itself",
}


def tree_of(text: str, *, parameter: str, aggregates: bool) -> exp.Expr:
    """Parse one expression.

    Tokens are checked first, so that the parser never sees a statement, a comment, a type or a
    function that isn't allowed: some of those cost it exponential time or exceed its recursion.
    Names come out as quoted identifiers, and a typed literal (`DATE '2024-05-01'`) as a string.

    Raises BadExpressionError, for whatever the parser raises too.
    """
    size = len(text.encode())
    if size > MOST_BYTES:
        raise BadExpressionError(
            parameter, f"it is {size} bytes long and at most {MOST_BYTES} are allowed."
        )
    dialect = Dialect.get_or_raise("duckdb")
    try:
        tokens = dialect.tokenize(text)
    except SqlglotError as error:
        raise BadExpressionError(
            parameter, "a quote isn't closed: text stands in single quotes, names in double ones."
        ) from error
    functions = (*FUNCTIONS, *AGGREGATES) if aggregates else FUNCTIONS
    checked = _checked(tokens, functions, parameter)
    if not checked:
        raise BadExpressionError(parameter, "there is no expression in it.")
    try:
        (tree,) = dialect.parser().parse_into(exp.Condition, checked, text)
    # A parser of somebody else's, fed by strangers: whatever it trips over is a bad expression.
    except (SqlglotError, RecursionError, LookupError, TypeError, ValueError, AttributeError) as e:
        raise BadExpressionError(
            parameter,
            "it doesn't parse. An example: status = 'open' AND \"start-date\" >= '2024-01-01'. "
            "Names with “-” or spaces stand in double quotes, text in single ones.",
        ) from e
    if tree is None:
        raise BadExpressionError(parameter, "there is no expression in it.")
    return tree


def _checked(tokens: list[Token], functions: tuple[str, ...], parameter: str) -> list[Token]:
    checked: list[Token] = []
    opened: list[int] = []
    prefixes = 0
    for index, token in enumerate(tokens):
        if token.comments:
            raise BadExpressionError(parameter, "comments aren't allowed in it.")
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        kind = token.token_type
        if kind in _PREFIXES:
            prefixes += 1
        elif kind is TokenType.L_PAREN:
            opened.append(prefixes)
            prefixes = 0
        elif kind is TokenType.R_PAREN:
            prefixes = opened.pop() if opened else 0
        else:
            prefixes = 0
        if len(opened) + sum(opened) + prefixes > MOST_NESTING:
            raise BadExpressionError(
                parameter, f"it is nested more than {MOST_NESTING} levels deep."
            )
        replaced = _allowed(token, following, functions, parameter)
        if replaced is not None:
            checked.append(replaced)
    return checked


def _allowed(
    token: Token, following: Token | None, functions: tuple[str, ...], parameter: str
) -> Token | None:
    """Pass a token on, names as quoted identifiers; None drops a typed literal's type."""
    kind, text = token.token_type, token.text
    if (kind in _OPERATORS and text != "!") or kind in _CONSTANTS:
        return token
    if kind in _VALUES:
        _refuse_adjacent(token, following, parameter)
        return token
    word = None if kind is TokenType.IDENTIFIER else text.lower()
    if word is not None and (kind in _OTHER_STRINGS or not _WORD.fullmatch(text)):
        said = _HINTS.get(text) or f"“{text}” isn't allowed in it"
        raise BadExpressionError(parameter, f"{said}.")
    if following is not None and following.token_type is TokenType.L_PAREN:
        if word in functions:
            return token
        said = f"the function “{text}” isn't allowed: use {', '.join(functions)}"
        raise BadExpressionError(parameter, f"{_HINTS.get(word or '', said)}.")
    if (
        word in _TYPED_LITERALS
        and following is not None
        and following.token_type is TokenType.STRING
    ):
        return None
    _refuse_adjacent(token, following, parameter)
    return _as_name(token)


def _refuse_adjacent(token: Token, following: Token | None, parameter: str) -> None:
    """Refuse two names or values without an operator between them."""
    if following is None or following.token_type in _OPERATORS | _CONSTANTS:
        return
    for word in (token, following):
        hint = None if word.token_type in _VALUES else _HINTS.get(word.text.lower())
        if hint:
            raise BadExpressionError(parameter, f"{hint}.")
    raise BadExpressionError(
        parameter,
        f"“{following.text}” can't follow “{token.text}” without an operator; a name with spaces "
        "or “-” stands in double quotes.",
    )


def _as_name(token: Token) -> Token:
    return Token(
        TokenType.IDENTIFIER,
        token.text,
        line=token.line,
        col=token.col,
        start=token.start,
        end=token.end,
    )
