"""A small HTML writer for the report. Text is escaped when it is put into an element, so that names in a trace cannot inject markup.

The type tells text from markup: `str` is text, `Markup` is HTML that is already escaped. Only this module creates `Markup` from strings,
so that a forgotten escape shows as visible tags and not as an injection. The page holds its style and images itself and forbids anything
else by its content security policy.
"""

import base64
import html
from collections.abc import Iterable

VOID = ("img", "meta")

STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1c1f23; --soft: #5b636d; --line: #d9dde2; --background: #ffffff; --card: #f5f7f9; --good: #00704f; --poor: #a84300;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --soft: #a2abb5; --line: #383f47; --background: #14171a; --card: #1e2226; --good: #45c79b; --poor: #ff9a5c; }
  img.chart { filter: invert(1) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--background); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0.5rem 0 0.25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 0.75rem; padding-bottom: 0.25rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.25rem 0 0.5rem; overflow-wrap: anywhere; }
p.description { color: var(--soft); max-width: 60rem; margin: 0; white-space: pre-line; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1.5rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font: 0.85em/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 1rem; overflow-x: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.92rem; }
th, td { padding: 0.35rem 0.6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); vertical-align: baseline; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal; line-height: 1.25; }
th.word, td.word { text-align: left; }
tbody th { font-weight: 600; }
.soft, figcaption { color: var(--soft); font-size: 0.92rem; }
.good { color: var(--good); font-weight: 600; }
.poor { color: var(--poor); font-weight: 600; }
figure { margin: 1rem 0 2rem; }
figcaption { margin-bottom: 0.5rem; max-width: 60rem; }
img.chart { max-width: 100%; height: auto; display: block; }
table.images th, table.images td { border: 0; padding: 0.2rem 0.4rem 0.2rem 0; text-align: center; color: var(--soft); }
table.images td { font-size: 0.75rem; }
table.images th { text-align: right; vertical-align: middle; }
table.images img { display: block; width: 96px; height: auto; image-rendering: pixelated; margin-bottom: 0.15rem; }
summary { cursor: pointer; }
"""


class Markup(str):
    """A string of HTML. Any other string is plain text and is escaped when it is put into an element."""

    __slots__ = ()


def element(name: str, /, *inside: str, **attributes: str) -> Markup:
    """Return an element.

    name        name of the element; those of `VOID` have no content and no closing tag
    inside      text, which is escaped, and markup, which is not
    attributes  values of attributes, which are escaped; a name may have a trailing underscore (`class_`), and inner underscores become
                hyphens (`http_equiv`)

    >>> print(element("p", "a < b", class_="soft"))
    <p class="soft">a &lt; b</p>
    """
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{given}>" if name in VOID else f"<{name}{given}>{join(inside)}</{name}>")


def join(parts: Iterable[str]) -> Markup:
    """Concatenate markup and text; the text is escaped.

    >>> print(join(["1 < 2 ", element("b", "yes")]))
    1 &lt; 2 <b>yes</b>
    """
    return Markup("".join(part if isinstance(part, Markup) else html.escape(part) for part in parts))


def image(data: bytes, kind: str, alt: str, class_: str = "") -> Markup:
    """Return an image that is embedded as a data URL. An SVG embedded in this way cannot run scripts and has its own name space.

    data    content of the image file
    kind    "png" or "svg+xml"
    alt     description for readers who do not see the image
    class_  class of the style sheet, "" for none
    """
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return element("img", src=source, alt=alt, **({"class_": class_} if class_ else {}))


def document(title: str, body: Markup, generator: str) -> str:
    """Return a complete page, which is not allowed to load resources or run scripts.

    title      title of the window
    body       content of the page
    generator  program and kind of the page, as metadata
    """
    head = (
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content=generator),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    return "<!doctype html>\n" + element("html", element("head", *head), element("body", element("main", body)), lang="en") + "\n"
