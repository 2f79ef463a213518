# ruff: noqa: INP001 - a program that is run by its path
"""Write edge/viewer-request.js into template.yaml, where CloudFormation wants a function's code."""

from pathlib import Path

_HOME = Path(__file__).parent.parent
_BEGIN = "      FunctionCode: |\n"
_INDENT = " " * 8


def inlined(template: str, code: str) -> str:
    """Give the template with this code in the place of the code that it has."""
    before, begin, rest = template.partition(_BEGIN)
    lines = rest.splitlines(keepends=True)
    end = next(
        (at for at, line in enumerate(lines) if line.strip() and not line.startswith(_INDENT)),
        len(lines),
    )
    indented = "".join(_INDENT + line if line.strip() else line for line in code.splitlines(True))
    return before + begin + indented + "\n" + "".join(lines[end:])


def main() -> None:
    """Write the template anew if its code isn't the file's."""
    template = _HOME / "template.yaml"
    text = template.read_text(encoding="utf-8")
    made = inlined(text, (_HOME / "edge" / "viewer-request.js").read_text(encoding="utf-8"))
    if made != text:
        template.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
