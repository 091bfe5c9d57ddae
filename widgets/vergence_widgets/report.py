"""report.html: the cockpit's last picture in one file that opens anywhere, with no kernel and no network.

It holds the same script and style sheet as the live cockpit and one key frame. Light or dark follows
the reader's system. Without scripts it shows the words and, when it is small, a picture.
"""

from __future__ import annotations

import base64
import html
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vergence import errors
from vergence_widgets import header as above
from vergence_widgets.draw.packed import inline
from vergence_widgets.freeze import text
from vergence_widgets.panels import Panel, every
from vergence_widgets.theme import DARK, FONT, LIGHT

if TYPE_CHECKING:
    from vergence.record.history import History

__all__ = ["write"]

STATIC = Path(__file__).parent / "static"
MOST_PICTURE_BYTES = 60_000

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="{summary}">
<title>{name}</title>
<style>
body {{ margin: 0; background: {light_ground}; color: {light_ink}; font: 13px/18px {font}; }}
@media (prefers-color-scheme: dark) {{ body {{ background: {dark_ground}; color: {dark_ink}; }} }}
.words {{ padding: 0 20px; white-space: pre-wrap; }}
{style}
</style>
</head>
<body>
<div id="cockpit"></div>
<noscript><p class="words">{words}</p>{picture}</noscript>
<p class="words" id="unshown" hidden>{words}</p>
<script type="application/json" id="frame">{frame}</script>
<script type="text/plain" id="source">{script}</script>
<script type="module">
const held = (id) => document.getElementById(id).textContent;
const source = URL.createObjectURL(new Blob([held("source")], {{ type: "text/javascript" }}));
try {{
  const {{ mount }} = await import(source);
  mount(document.getElementById("cockpit"), JSON.parse(held("frame")), {{}});
}} catch (error) {{
  document.getElementById("unshown").hidden = false;
  console.error(error);
}} finally {{
  URL.revokeObjectURL(source);
}}
</script>
</body>
</html>
"""


def write(history: History, path: str | Path) -> Path:
    """Write the report of a History to `path`, a file; returns it.

    The file is written beside its place and then moved there, so a reader never sees half of it.
    Raises StoreError when the built script is not installed, OSError when the place cannot be written.
    """
    target = Path(path)
    panels = every(history, live=False)
    header = above.header(history, above.Channel(can_steer=False), rate=None)
    frame = inline(
        {
            "type": "frame",
            "seq": 1,
            "key": True,
            "time": history.clock(),
            "header": header,
            "controls": [],
            "notices": above.notices(history),
            "panels": panels,
            "order": list(panels),
        }
    )
    words = text(list(panels.values()), header)
    page = _PAGE.format(
        name=html.escape(history.name),
        summary=html.escape(words.replace("\n", " "), quote=True),
        words=html.escape(words),
        font=FONT,
        light_ground=LIGHT.ground,
        light_ink=LIGHT.ink,
        dark_ground=DARK.ground,
        dark_ink=DARK.ink,
        style=_static("cockpit.css").replace("</style", "<\\/style"),
        # In JavaScript "<\/script" is the same string, and the parser of the page does not stop at it.
        script=_static("cockpit.js").replace("</script", "<\\/script").replace("<!--", "<\\!--"),
        frame=json.dumps(frame, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        picture=_picture(list(panels.values()), header),
    )
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(page, encoding="utf-8")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return target


def _static(name: str) -> str:
    try:
        return (STATIC / name).read_text(encoding="utf-8")
    except OSError as error:
        raise errors.StoreError(
            f"report.write: {name} is not in {STATIC}, so there is nothing to draw with. In a checkout type: make front"
        ) from error


def _picture(panels: list[Panel], header: dict[str, Any]) -> str:
    """A picture for readers without scripts; nothing where Matplotlib is absent or it would be large."""
    try:
        from vergence_widgets.draw.matplotlib_pen import png

        picture = png(panels, header, columns=2, colours=32)
    except errors.MissingExtra:
        return ""
    if len(picture) > MOST_PICTURE_BYTES:
        return ""
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(picture).decode("ascii")}">'
