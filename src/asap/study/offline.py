"""A study as one HTML file: the same page, with pictures inside, for raters without a server."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from asap.store import Row
from asap.study import pictures
from asap.study.folder import PICTURES, Study
from asap.web import assets

SCRIPTS = ("storage.js", "pictures.js", "panes.js", "keys.js", "pages.js", "main.js")
"""In the order in which one needs the other."""
STYLES = ("base.css", "study.css")
_IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
_LINKS = re.compile(r'^<(link rel="(icon|stylesheet)"|script type="module").*\n', re.MULTILINE)


def page(folder: Path, study: Study, megabytes: int) -> str:
    """The HTML file of the study in `folder`, of at most `megabytes` MiB.

    It asks for a rater's code, or takes it from the address (`FILE.html#CODE`). It loads nothing and sends
    nothing: its policy allows no connection, and no script but its own, by its hash.

    Raises:
        UserError: the pictures do not fit.
    """
    shown = sorted({p for rater in study.raters for a in rater.asked for p in study.items[a.item].pictures})
    budget = int(megabytes * 2**20 * 3 / 4) - 2**18  # base64 takes 4 bytes for 3; page and plan a little
    packed = pictures.small({name: folder / PICTURES / f"{name}.png" for name in shown}, budget)
    data = _data(study, packed)
    files = assets.load("asap.web") | assets.load("asap.study")
    style = "\n".join(files[name].body.decode() for name in STYLES)
    script = bundled([files[name].body.decode() for name in SCRIPTS])
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data: blob:; connect-src 'none'; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    inside = (
        f'<meta http-equiv="content-security-policy" content="{policy}">\n'
        f"<style>{style}</style>\n"
        f'<script type="application/json" id="study-data">{data}</script>\n'
        f'<script type="module">{script}</script>\n'
    )
    plain = _LINKS.sub("", files["index.html"].body.decode())
    head, mark, body = plain.partition("</head>")
    return head + inside + mark + body


def bundled(modules: list[str]) -> str:
    """Modules as one: without imports and exports, for their names differ."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", module)) for module in modules)


def _data(study: Study, packed: dict[str, bytes]) -> str:
    shown = [study.shown(rater) for rater in study.raters]
    whole: Row = {name: shown[0][name] for name in ("study", "title", "instructions", "parts")}
    whole["raters"] = {one["rater"]: one["asked"] for one in shown}
    whole["pictures"] = {name: base64.b64encode(data).decode() for name, data in packed.items()}
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")  # no text may end the element


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
