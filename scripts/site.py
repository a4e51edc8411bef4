#!/usr/bin/python3
"""Turns the project's Markdown documents into a small web site: one page each, cross links kept, a contents page in front.

    scripts/site.py PROJECT OUTPUT
"""
import html
import pathlib
import re
import shutil
import sys

import markdown  # Debian: python3-markdown

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<link rel="stylesheet" href="style.css"></head>
<body><nav>{navigation}</nav>
<main>
{body}
</main></body>
</html>
"""
STYLE = """body { font: 16px/1.5 sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem }
nav a { margin-right: 1rem } pre { overflow-x: auto; background: #f4f4f4; padding: .6rem } code { font-size: 90% }
table { border-collapse: collapse } td, th { border: 1px solid #ccc; padding: .2rem .5rem; vertical-align: top; text-align: left }
"""


def documents(project):
    """Source file → name of its page, in reading order."""
    found = [project / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    found += sorted((project / "docs").glob("*.md"))
    return {path.resolve(): path.stem.lower() + ".html" for path in found if path.exists()}


def title(text, path):
    heading = re.search(r"^# +(.+)$", text, re.MULTILINE)
    return heading.group(1).strip() if heading else path.stem


def linked(body, path, pages):
    """Links between the documents become links between the pages; links to other files become plain text."""
    def replace(match):
        target, anchor, text = match.group(1), match.group(2) or "", match.group(3)
        if re.match(r"[a-z]+:", target) or not target:
            return match.group(0)
        page = pages.get((path.parent / target).resolve())
        return f'<a href="{page}{anchor}">{text}</a>' if page else text
    return re.sub(r'<a href="([^"#]*)(#[^"]*)?">(.*?)</a>', replace, body, flags=re.DOTALL)


def main(project, output):
    project, output = pathlib.Path(project), pathlib.Path(output)
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    pages = documents(project)
    texts = {path: path.read_text(encoding="utf-8") for path in pages}
    titles = {path: title(text, path) for path, text in texts.items()}
    navigation = " ".join(f'<a href="{pages[path]}">{html.escape(titles[path])}</a>' for path in pages)
    for path, text in texts.items():
        body = markdown.markdown(text, extensions=["extra", "toc", "sane_lists"])
        page = PAGE.format(title=html.escape(titles[path]), navigation=navigation, body=linked(body, path, pages))
        (output / pages[path]).write_text(page, encoding="utf-8")
    contents = "<h1>Tidewheel: documents</h1>\n<ul>" + "".join(
        f'<li><a href="{pages[path]}">{html.escape(titles[path])}</a></li>' for path in pages) + "</ul>"
    (output / "index.html").write_text(PAGE.format(title="Tidewheel: documents", navigation=navigation, body=contents), encoding="utf-8")
    (output / "style.css").write_text(STYLE, encoding="utf-8")
    print(f"{len(pages)} documents")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
