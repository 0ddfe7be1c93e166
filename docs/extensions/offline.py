"""A Sphinx extension: the build fails where a page loads a script, a style, a font or an image from a network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//
    |<link\b(?=[^>]*\brel=["']?(?:stylesheet|preload|icon|modulepreload))[^>]*\bhref=["']?(?:https?:)?//
    |(?:@import\s+["']?|url\(\s*["']?)(?:https?:)?//""",
    re.VERBOSE | re.IGNORECASE,
)


def loads(text: str) -> list[str]:
    """What a page or a style sheet would load from a network, the start of each place."""
    return [text[found.start() : found.end() + 60].split("\n")[0] for found in LOADED.finditer(text)]


def _check(app: Any, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    from sphinx.errors import ExtensionError

    files = [path for path in Path(app.outdir).rglob("*") if path.suffix in (".html", ".css")]
    found = [f"{path.name}: {place}" for path in files for place in loads(path.read_text(encoding="utf-8"))]
    if found:
        raise ExtensionError("Pages must load nothing from a network. These do:\n" + "\n".join(found[:20]))


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("build-finished", _check)
    return {"version": "1", "parallel_read_safe": True}
