"""report.html: the cockpit in one file that opens anywhere, with no kernel and no network.

It holds the same script and style sheet as the live cockpit, its last key frame, and all panels at a few steps on
the way there, so that the timeline works. Light or dark follows the reader's system. Without scripts it shows the
words and, when it is small, a picture.
"""

from __future__ import annotations

import base64
import html
import json
import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vergence import errors
from vergence.record.history import History
from vergence_widgets import assets
from vergence_widgets import header as above
from vergence_widgets.draw.packed import inline
from vergence_widgets.freeze import text
from vergence_widgets.panels import Panel, every
from vergence_widgets.panels.findings import lines, strip
from vergence_widgets.theme import DARK, FONT, LIGHT
from vergence_widgets.timeline import past, recorded_steps, timeline

__all__ = ["COMPARED", "write"]

STATIC = Path(__file__).parent / "static"
MOST_PICTURE_BYTES = 60_000
MOST_SNAPSHOTS = 16
MOST_SNAPSHOT_BYTES = 5_000_000
"""Of all snapshots together; where they are larger there are fewer of them."""
MOST_SHEET_BYTES = 3_000_000
"""Of the small pictures of the reference set; without them the names are kept."""
COMPARED: weakref.WeakKeyDictionary[History, History] = weakref.WeakKeyDictionary()
"""What a cockpit compares a History with: the report that closes a run shows the same."""

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
<script type="application/json" id="held">{held}</script>
<script type="text/plain" id="source">{script}</script>
<script type="module">
const held = (id) => document.getElementById(id).textContent;
const source = URL.createObjectURL(new Blob([held("source")], {{ type: "text/javascript" }}));
try {{
  const {{ mount }} = await import(source);
  mount(document.getElementById("cockpit"), JSON.parse(held("frame")), JSON.parse(held("held")));
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


def write(history: History, path: str | Path, *, compare: History | None = None) -> Path:
    """Write the report of a History to `path`, a file; returns it.

    compare: another History, drawn thin and grey in the same axes.

    The file is written beside its place and then moved there, so a reader never sees half of it.
    Raises StoreError when the built script is not installed, OSError when the place cannot be written.
    """
    target = Path(path)
    ghost = COMPARED.get(history) if compare is None else compare
    panels = every(history, live=False, ghost=ghost)
    steps, snapshots = _snapshots(history, ghost)
    strips = [strip(past(history, step)) for step in steps[: len(snapshots)].tolist()]
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
            "findings": strip(history),
            "panels": panels,
            "order": list(panels),
            "timeline": timeline(history, at=None, whole=True, steps=steps, ghost=ghost),
        }
    )
    found = lines(history)
    words = text(list(panels.values()), header, found)
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
        frame=_json(frame),
        held=_json({"past": snapshots, "strips": strips} | _sheet(history)),
        picture=_picture(list(panels.values()), header, found),
    )
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(page, encoding="utf-8")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return target


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _snapshots(history: History, ghost: History | None) -> tuple[NDArray[np.int32], list[dict[str, Any]]]:
    """Steps from the first to the last, evenly, and all panels at each of them but the last, which is the frame."""
    recorded = recorded_steps(history)
    wanted = min(MOST_SNAPSHOTS, len(recorded))
    while wanted > 1:
        targets = np.linspace(recorded[0], recorded[-1], wanted)
        steps = np.unique(recorded[np.abs(recorded[:, None] - targets).argmin(axis=0)])
        found: list[dict[str, Any]] = []
        size = 0
        for step in steps[:-1].tolist():
            before = None if ghost is None else past(ghost, step)
            found.append(inline(every(past(history, step), live=False, ghost=before)))
            size += len(_json(found[-1]))
            if size > MOST_SNAPSHOT_BYTES:
                break
        else:
            return steps, found
        # The later ones are larger, so it takes fewer than the share suggests.
        wanted = min(wanted - 1, int(0.8 * wanted * len(found) / len(steps)))
    return recorded[-1:], []


def _sheet(history: History) -> dict[str, Any]:
    if not assets.name_of(history):
        return {}
    sheet = assets.sheet(history)
    if sheet["png"] is not None and len(sheet["png"]) > MOST_SHEET_BYTES:
        sheet = sheet | {"png": None}
    return {"asset": inline({"type": "asset", **sheet})}


def _static(name: str) -> str:
    try:
        return (STATIC / name).read_text(encoding="utf-8")
    except OSError as error:
        raise errors.StoreError(
            f"report.write: {name} is not in {STATIC}, so there is nothing to draw with. In a checkout type: make front"
        ) from error


def _picture(panels: list[Panel], header: dict[str, Any], findings: list[str]) -> str:
    """A picture for readers without scripts; nothing where Matplotlib is absent or it would be large."""
    try:
        from vergence_widgets.draw.matplotlib_pen import png

        picture = png(panels, header, columns=2, colours=32, findings=findings)
    except errors.MissingExtra:
        return ""
    if len(picture) > MOST_PICTURE_BYTES:
        return ""
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(picture).decode("ascii")}">'
