import re
from collections import Counter

from penstock import errors
from penstock.errors import PenstockError


def parents_as_drawn() -> dict[str, str]:
    """Read the tree in the package's docstring: each error, and the error it hangs from."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        drawn = re.match(r"(?P<branches>[│ ]*[├└]── )?(?P<name>[A-Za-z]+Error)\b", line)
        if drawn is None:
            continue
        depth = len(drawn["branches"] or "") // len("├── ")
        above[depth:] = [drawn["name"]]
        if depth:
            parents[drawn["name"]] = above[depth - 1]
    return parents


def every_error(root: type[PenstockError]) -> list[type[PenstockError]]:
    below = [kind for child in root.__subclasses__() for kind in every_error(child)]
    return [root, *below]


def ours() -> list[type[PenstockError]]:
    return [kind for kind in every_error(PenstockError) if kind.__module__.startswith("penstock.")]


def test_the_tree_of_errors_is_drawn_as_it_stands() -> None:
    stands = {
        kind.__name__: kind.__bases__[0].__name__ for kind in ours() if kind is not PenstockError
    }
    assert parents_as_drawn() == stands


def test_every_error_is_had_from_the_package_itself() -> None:
    assert {kind.__name__ for kind in ours()} | {"SHOWN_CHARACTERS"} == set(errors.__all__)
    assert all(getattr(errors, kind.__name__) is kind for kind in ours())


def test_no_two_errors_share_a_code() -> None:
    assert [code for code, times in Counter(k.code for k in ours()).items() if times > 1] == []
