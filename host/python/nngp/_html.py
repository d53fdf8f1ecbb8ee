"""Networks as notebooks show them."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Dict, List

from . import plugins

if TYPE_CHECKING:
    from .stax import Layer


def _parts(text: str) -> List[str]:
    """The arguments of serial(...), as they are written."""
    if not text.startswith("serial("):
        return [text]
    parts, depth, begin, quote = [], 0, len("serial("), ""
    for i in range(begin, len(text)):
        c = text[i]
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([":
            depth += 1
        elif c in ")]":
            if depth == 0:
                parts.append(text[begin:i])
                break
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[begin:i])
            begin = i + 2
    return parts


def network(layer: "Layer") -> str:
    known: Dict[str, Dict[str, Any]] = {a["name"]: a for a in plugins.activations()}
    rows = []
    for part in _parts(str(layer)):
        name, _, rest = part.partition("(")
        how = ""
        if name in known:
            how = "closed form" if known[name]["has_nngp_fn"] else "integrated numerically"
        elif name == "ElementwiseNumerical":
            how = "integrated numerically"
        elif name == "Elementwise":
            how = "closed form" if "nngp_fn=" in rest else "integrated numerically"
        rows.append(f"<tr><td>{html.escape(name)}</td><td>{html.escape(rest[:-1])}</td><td>{how}</td></tr>")
    return ("<table><thead><tr><th>layer</th><th>parameters</th><th>kernel</th></tr></thead><tbody>"
            + "".join(rows) + "</tbody></table>")
