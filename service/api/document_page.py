"""The API document as a page to read: plain HTML made from the document itself, no script, nothing from elsewhere."""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid var(--line); padding: .5rem 0 1rem; }
h2 { font-size: 1.1rem; font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
h3 { font-size: .9rem; margin: 1rem 0 .3rem; }
.verb { border: 1px solid currentColor; border-radius: .3rem; padding: 0 .4rem; margin-right: .5rem; }
pre { background: color-mix(in srgb, currentColor 7%, transparent); padding: .6rem; border-radius: .3rem;
  overflow-x: auto; margin: .2rem 0 .6rem; font-size: .85rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; }
th { font-weight: 600; white-space: nowrap; } nav a { display: block; font-family: ui-monospace, monospace; }
"""


def page(document: Mapping[str, Any]) -> str:
    """The page of this document."""
    info = document["info"]
    parts = [part for path, verb, operation in _operations(document) for part in _section(path, verb, operation)]
    links = "".join(
        f'<a href="#{operation["operationId"]}">{verb.upper()} {escape(path)}</a>'
        for path, verb, operation in _operations(document)
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{_prose(info['description'])}</p>"
        '<p>For programs: <a href="openapi.json">openapi.json</a></p>'
        f"<nav>{links}</nav>{''.join(parts)}</body></html>"
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


def _section(path: str, verb: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f'<section id="{operation["operationId"]}"><h2><span class="verb">{verb.upper()}</span>{escape(path)}</h2>'
    yield f"<p>{_prose(operation['summary'])} {_prose(_needed(operation['security']))}</p>"
    for parameter in operation.get("parameters", ()):
        yield f"<p><code>{escape(parameter['name'])}</code>: {escape(parameter['description'])}</p>"
    if body := operation.get("requestBody"):
        yield f"<h3>Body</h3>{_code(next(iter(body['content'].values()))['example'])}"
    yield "<h3>Answers</h3><table>"
    for status, response in operation["responses"].items():
        yield f"<tr><th>{status} {escape(response['description'])}</th><td>{_examples(response)}</td></tr>"
    yield "</table></section>"


def _needed(security: Sequence[Mapping[str, Sequence[str]]]) -> str:
    scopes = [f"`{scope}`" for one in security for scope in one["token"]]
    return f"Needs a token of scope {', '.join(scopes)}." if scopes else "No token is needed."


def _examples(response: Mapping[str, Any]) -> str:
    content = next(iter(response.get("content", {"": {}}).values()))
    return "".join(f"{escape(name)}{_code(example['value'])}" for name, example in content.get("examples", {}).items())


def _code(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, ensure_ascii=False, indent=1))}</pre>"


def _prose(text: str) -> str:
    """Escaped, with `code` marked as such."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if at % 2 else piece for at, piece in enumerate(pieces))
