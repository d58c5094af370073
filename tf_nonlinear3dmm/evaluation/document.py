"""A list of blocks as Markdown, and as one HTML file that opens offline."""

import base64
import html
import pathlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple


class Block(NamedTuple):
    """A piece of a document.

    Attributes:
        kind: "heading" (the first is the title), "text", "table", "figure", "command" or "json".
        content: a string; of a table its rows of strings, the first with titles; of a figure
            (path from the document, caption).
    """

    kind: str
    content: Any


def to_markdown(blocks: Sequence[Block]) -> str:
    """The blocks as the text of a Markdown file."""
    parts = []
    for i, (kind, content) in enumerate(blocks):
        if kind == "heading":
            parts.append(f"{'##' if i else '#'} {content}")
        elif kind == "table":
            parts.append(_markdown_table(content))
        elif kind == "figure":
            path, caption = content
            parts.append(f"{caption}\n\n![{pathlib.Path(path).stem}]({path})")
        elif kind == "command":
            parts.append(f"    {content}")
        else:
            parts.append(f"```json\n{content}\n```" if kind == "json" else content)
    return "\n\n".join(parts) + "\n"


def _markdown_table(rows):
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:]])


STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;"
    "color:#222}table{border-collapse:collapse;margin:1em 0;font-size:13px;display:block;"
    "overflow-x:auto}td,th{border:1px solid #ddd;padding:.3em .6em;text-align:left}"
    "th{background:#f5f5f5}img{max-width:100%}figcaption{color:#555}pre{background:#f5f5f5;"
    "padding:1em;overflow:auto}"
)


def to_html(blocks: Sequence[Block], folder: pathlib.Path) -> str:
    """The blocks as one HTML file; the figures, whose paths begin at `folder`, are inside."""
    body = []
    for i, (kind, content) in enumerate(blocks):
        if kind == "heading":
            body.append(f"<h{2 if i else 1}>{html.escape(content)}</h{2 if i else 1}>")
        elif kind == "table":
            body.append(_html_table(content))
        elif kind == "figure":
            path, caption = content
            picture = base64.b64encode((folder / path).read_bytes()).decode()
            name = html.escape(pathlib.Path(path).stem)
            image = f'<img alt="{name}" src="data:image/png;base64,{picture}">'
            body.append(f"<figure>{image}<figcaption>{html.escape(caption)}</figcaption></figure>")
        elif kind in ("command", "json"):
            body.append(f"<pre>{html.escape(content)}</pre>")
        else:
            body.append(f"<p>{_inline(content)}</p>")
    head = f'<meta charset="utf-8"><title>{html.escape(blocks[0].content)}</title>'
    return f"<!doctype html><html lang=en>{head}<style>{STYLE}</style>{''.join(body)}</html>\n"


def _inline(text):
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def _html_table(rows):
    cells = [
        "".join(f"<{tag}>{_inline(cell)}</{tag}>" for cell in row)
        for tag, row in zip(["th", *["td"] * (len(rows) - 1)], rows, strict=True)
    ]
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"
