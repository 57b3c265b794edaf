"""What pages need beyond Sphinx: figures in their colors, and what previews show."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from textwrap import shorten
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.osutil import relative_uri

SVG, LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
WORDS = ("text", "tspan")
PREFIXED = re.compile(r'(\bid="|href="#|url\(#)')  # an id, or where one is asked for
GRAY = re.compile(r"(fill|stroke): #([0-9a-f]{2})\2\2\b")
WIDE = "The wide drawing, whose left and right the caption means"
BLUE = "#0072b2"  # too dark for lines and words in the dark


class Inline(SphinxPostTransform):
    """Put figures themselves into the page, where its colors and scripts reach them.

    Pictures that are links stay pictures.
    """

    default_priority = 400
    formats = ("html",)

    def run(self, **_: Any) -> None:
        """Replace each picture."""
        for node in list(self.document.findall(nodes.image)):
            known = self.env.images.get(node["uri"])
            if node["uri"].endswith(".svg") and known and node.get("alt"):
                if isinstance(node.parent, nodes.reference):
                    continue
                source = Path(self.env.srcdir)
                text = (source / node["uri"]).read_text("utf-8")
                self.app.builder.images[node["uri"]] = known[1]
                page = self.app.builder.get_target_uri(self.env.docname)
                file = relative_uri(page, f"_images/{known[1]}")
                drawn = [f'<div class="vsrnn-figure">{inline(text, node["alt"])}</div>']
                if phone := narrow(source, node):
                    twin = inline(phone, node["alt"])
                    larger = f'<a class="vsrnn-larger" href="{file}">{WIDE}</a>'
                    drawn.append(
                        f'<div class="vsrnn-figure vsrnn-phone">{twin}{larger}</div>'
                    )
                node.replace_self(nodes.raw("", "\n".join(drawn), format="html"))


def narrow(source: Path, node: nodes.image) -> str:
    """A figure as drawn for a phone, if it is: beside its file, or by its name.

    Its ids are not those of the wide one, which a phone hides.
    """
    names = [Path(node["uri"]).stem]
    names += [
        name.removeprefix("fig-").replace("-", "_") for name in node.parent["ids"]
    ]
    paths = (source / f"notebooks/figures/{name}.phone.svg" for name in names)
    text = next((path.read_text("utf-8") for path in paths if path.exists()), "")
    return PREFIXED.sub(r"\1phone-", text)


def inline(text: str, alt: str) -> str:
    """An SVG file as part of a page: named by its alt text, in the page's colors."""
    root = ElementTree.fromstring(text)
    for name in ("title", "desc", "metadata"):
        for child in root.findall(f"{{{SVG}}}{name}"):
            root.remove(child)
    asked = set(re.findall(r'(?:href="|url\()#([\w-]+)', text))
    for element in root.iter():
        if element.get("id", "") not in asked:  # the next figure has the same
            element.attrib.pop("id", None)
        if style := element.get("style"):
            element.set("style", themed(style, element.tag.removeprefix(f"{{{SVG}}}")))
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": alt}
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", LINK)
    return ElementTree.tostring(root, "unicode")


def themed(style: str, tag: str) -> str:
    """Give grays as shares of the page's own ink, and white areas as its paper.

    What lies on a colored area stays as it is: white lines and words, and "0.15".
    """

    def shade(found: re.Match[str]) -> str:
        what, level = found[1], int(found[2], 16)
        if level == 0x26 or (level == 0xFF and (tag in WORDS or what == "stroke")):
            return found[0]
        if level == 0xFF:
            return f"{what}: var(--pst-color-background, #fff)"
        ink = f"{100 - level / 2.55:.0f}%"
        return f"{what}: color-mix(in srgb, currentColor {ink}, transparent)"

    style = GRAY.sub(shade, style)
    thin = tag in (*WORDS, "use") or f"stroke: {BLUE}" in style
    return style.replace(BLUE, f"var(--vsrnn-blue, {BLUE})") if thin else style


def preview(app: Any, page: str, _: str, context: dict, tree: Any) -> None:
    """Say what a page is about and which picture stands for it, where it is linked."""
    if tree is None:
        return
    asked = [*tree.findall(nodes.admonition), tree]
    text = next(asked[0].findall(nodes.paragraph), None)
    words = shorten(text.astext(), 250, placeholder=" ...") if text else ""
    url = f"{app.config.html_baseurl}{app.builder.get_target_uri(page)}"
    told = {
        "title": context["title"],
        "description": words,
        "url": url,
        "type": "article",
    }
    for file in tree.findall(addnodes.download_reference):
        if file.get("filename", "").endswith(".png"):
            told["image"] = f"{app.config.html_baseurl}_downloads/{file['filename']}"
            break
    tags = [f'<meta name="description" content="{escape(words)}">']
    tags += [
        f'<meta property="og:{name}" content="{escape(each)}">'
        for name, each in told.items()
    ]
    context["metatags"] = "\n".join([context.get("metatags", ""), *tags])


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_post_transform(Inline)
    app.connect("html-page-context", preview)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
