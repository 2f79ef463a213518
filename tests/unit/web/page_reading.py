"""Pages as a browser reads them: elements, attributes, links and text."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Page:
    """What a page holds, in order."""

    elements: list[str] = field(default_factory=list)
    attributes: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    text: str = ""
    style: str = ""


def read_page(body: bytes) -> Page:
    """Read a page; script and style are no text."""
    reader = _Reader()
    reader.feed(body.decode())
    reader.close()
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.elements.append(tag)
        self._within = tag
        for name, value in attrs:
            self.page.attributes.add(name)
            if name == "href" and tag == "a":
                self.page.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._within:
            self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within == "style":
            self.page.style += data
        else:
            self.page.text += data
