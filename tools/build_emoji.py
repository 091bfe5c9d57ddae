"""Draw the emoji set that `vergence.data.emoji()` loads: 1,595 emoji by three artists, 32 x 32 RGB.

    npm install --ignore-scripts --prefix ARTWORK @iconify-json/noto@1.2.9 @iconify-json/twemoji@1.2.5 \
        @iconify-json/fluent-emoji-flat@1.2.6 emojibase-data@17.0.0
    pip install resvg-py Pillow
    python tools/build_emoji.py ARTWORK/node_modules            # writes the shipped file
    python tools/build_emoji.py ARTWORK/node_modules --check    # draws again and compares with it

Nothing is installed or downloaded here, and nothing of this runs when the package is used. An emoji is
kept when it has a group other than "component" and all three artists drew it. Each vector drawing is
rendered at 128 x 128, laid on white and averaged over 4 x 4 pixels, so that thin lines survive.

Held out are the 382 emoji whose hexcode has the smallest SHA-256: the split depends on nothing else, so
an emoji keeps its side when others join. Licences and attribution: licences/ARTWORK.md.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

SIZE = 32
OVERSAMPLING = 4
HELD_OUT = 382
ARTISTS = {
    "Noto": "@iconify-json/noto",
    "Twemoji": "@iconify-json/twemoji",
    "Fluent": "@iconify-json/fluent-emoji-flat",
}
VERSIONS = {
    "@iconify-json/noto": "1.2.9",
    "@iconify-json/twemoji": "1.2.5",
    "@iconify-json/fluent-emoji-flat": "1.2.6",
    "emojibase-data": "17.0.0",
}
COMPONENT = 2  # the group of skin tones and hair styles, which are not pictures of their own
SHIPPED = Path(__file__).resolve().parents[1] / "toolkit" / "vergence" / "data" / "files" / "emoji.npz"


def check_setup(folder: Path) -> None:
    """Everything that is missing, at once, each with the line to type."""
    problems = []
    packages = " ".join(f"{name}@{version}" for name, version in VERSIONS.items())
    for name, version in VERSIONS.items():
        manifest = folder / name / "package.json"
        if not manifest.is_file():
            problems.append(f"{name} {version} is not in {folder}")
        elif (found := json.loads(manifest.read_text("utf-8"))["version"]) != version:
            problems.append(f"{name} is {found} there, {version} is needed")
    if problems:
        problems.append(f"type: npm install --ignore-scripts --prefix {folder.parent} {packages}")
    for module, package in (("resvg_py", "resvg-py"), ("PIL", "Pillow")):
        try:
            importlib.import_module(module)
        except ImportError:
            problems.append(f"{module} is not installed; type: {sys.executable} -m pip install {package}")
    if problems:
        sys.exit("build_emoji: " + "\n  ".join(problems))


class Artist:
    """One icon set in Iconify's JSON format: bodies of SVG elements, aliases, and code points to names."""

    def __init__(self, folder: Path) -> None:
        self.icons: dict[str, Any] = json.loads((folder / "icons.json").read_text("utf-8"))
        self.names: dict[str, str] = json.loads((folder / "chars.json").read_text("utf-8"))

    def svg(self, key: str, label: str) -> tuple[str, bool] | None:
        """The drawing of code points `key`, and whether it is to be mirrored. None when there is none."""
        name = self.names.get(key) or re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")
        alias: dict[str, Any] = {}
        if name not in self.icons["icons"]:
            alias = self.icons["aliases"].get(name, {})
            name = alias.get("parent", name)
        icon = self.icons["icons"].get(name)
        if icon is None:
            return None
        unknown = set(alias) - {"parent", "hFlip"}
        if unknown:
            sys.exit(f"build_emoji: {label!r} is an alias with {sorted(unknown)}, which is not drawn here")
        left, top = icon.get("left", 0), icon.get("top", 0)
        width = icon.get("width", self.icons.get("width", 16))
        height = icon.get("height", self.icons.get("height", 16))
        side = SIZE * OVERSAMPLING
        names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        head = f'{names} width="{side}" height="{side}" viewBox="{left} {top} {width} {height}"'
        return f"<svg {head}>{icon['body']}</svg>", bool(alias.get("hFlip"))


def draw(svg: str, mirrored: bool) -> np.ndarray:
    """An SVG as (32, 32, 3) uint8 on white."""
    import resvg_py
    from PIL import Image, ImageOps

    picture = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, skip_system_fonts=True))))
    page = Image.new("RGBA", picture.size, "white")
    page.alpha_composite(picture.convert("RGBA"))
    small = page.convert("RGB").reduce(OVERSAMPLING)
    return np.asarray(ImageOps.mirror(small) if mirrored else small)


def held_out(hexcodes: list[str]) -> np.ndarray:
    """True for the `HELD_OUT` emoji with the smallest SHA-256 of their hexcode."""
    digests = [hashlib.sha256(code.encode()).hexdigest() for code in hexcodes]
    chosen = set(sorted(digests)[:HELD_OUT])
    return np.array([digest in chosen for digest in digests])


def build(folder: Path) -> dict[str, np.ndarray]:
    """The arrays of the file. No object arrays, so it is read without pickle."""
    artists = [Artist(folder / package) for package in ARTISTS.values()]
    emoji = json.loads((folder / "emojibase-data" / "en" / "data.json").read_text("utf-8"))
    words = json.loads((folder / "emojibase-data" / "meta" / "groups.json").read_text("utf-8"))

    kept, images = [], []
    for entry in emoji:
        if entry.get("group") in (None, COMPONENT):
            continue
        key = entry["hexcode"].lower().replace("-fe0f", "")
        drawings = [artist.svg(key, entry["label"]) for artist in artists]
        found = [drawing for drawing in drawings if drawing is not None]
        if len(found) == len(artists):
            kept.append(entry)
            images.append(np.stack([draw(*drawing) for drawing in found]))

    groups = sorted({entry["group"] for entry in kept})
    subgroups = sorted({entry["subgroup"] for entry in kept})
    hexcodes = [entry["hexcode"] for entry in kept]
    return {
        "images": np.stack(images),  # (emoji, artist, row, column, RGB)
        "group": np.array([groups.index(entry["group"]) for entry in kept], np.uint8),
        "subgroup": np.array([subgroups.index(entry["subgroup"]) for entry in kept], np.uint8),
        "held_out": held_out(hexcodes),
        "hexcodes": np.array(hexcodes),
        "artists": np.array(list(ARTISTS)),
        "group_names": np.array([words["groups"][str(g)] for g in groups]),
        "subgroup_names": np.array([words["subgroups"][str(g)] for g in subgroups]),
        # Joined, because a fixed-width array would be as wide as its longest entry.
        "texts": np.array("\n".join(entry["label"] for entry in kept)),
        "keywords": np.array("\n".join("|".join(entry.get("tags", [])) for entry in kept)),
        "made_from": np.array([f"{name} {version}" for name, version in VERSIONS.items()]),
    }


def check(arrays: dict[str, np.ndarray], shipped: Path) -> None:
    """Exit with a message unless `shipped` holds the same words, and the same pixels to within one level."""
    with np.load(shipped, allow_pickle=False) as old:
        if set(old.files) != set(arrays):
            sys.exit(f"build_emoji: {shipped.name} holds {sorted(old.files)}, the script makes {sorted(arrays)}")
        for name, new in arrays.items():
            if name != "images" and not np.array_equal(old[name], new):
                sys.exit(f"build_emoji: {name} differs from {shipped.name}; run without --check to write it")
        before = old["images"]
    if before.shape != arrays["images"].shape:
        sys.exit(f"build_emoji: images are {before.shape} in {shipped.name}, {arrays['images'].shape} now")
    # Another version of the renderer may round an edge pixel the other way.
    worst = int(np.abs(before.astype(int) - arrays["images"].astype(int)).max())
    if worst > 1:
        sys.exit(f"build_emoji: pixels differ from {shipped.name} by up to {worst} levels of 255")
    print(f"{shipped.name} is what the script makes")


def main() -> None:
    """Draw, and write or compare."""
    parser = argparse.ArgumentParser(description="Draw the emoji set from four npm packages.")
    parser.add_argument("node_modules", type=Path, help="the folder that npm filled")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="the file to write")
    parser.add_argument("--check", action="store_true", help="write nothing; compare with the file")
    given = parser.parse_args()
    check_setup(given.node_modules)
    arrays = build(given.node_modules)
    if given.check:
        check(arrays, given.out)
        return
    given.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(given.out, **arrays)  # type: ignore[arg-type]
    size = given.out.stat().st_size / 1e6
    print(f"{given.out.name}: {len(arrays['images'])} emoji x {len(ARTISTS)} artists, {size:.2f} MB")


if __name__ == "__main__":
    main()
