"""Writes Sources/Models/Tokenizers/Cleaning/HTMLEntities.swift: the named character references of HTML 5.

Usage: python make_html_entities.py         (Python 3.11 made the committed file)
"""

import html.entities
from pathlib import Path

HERE = Path(__file__).parent
WIDTH = 110

names = sorted(html.entities.html5)
entries = [f"{name}={','.join(f'{ord(c):X}' for c in html.entities.html5[name])}" for name in names]
lines, line = [], ""
for entry in entries:
    if line and len(line) + 1 + len(entry) > WIDTH:
        lines.append(line)
        line = ""
    line += (" " if line else "") + entry
lines.append(line)
text = "".join(f"        {line}\n" for line in lines)
(HERE.parents[2] / "Sources/Models/Tokenizers/Cleaning/HTMLEntities.swift").write_text(
    f'''// Written by Tests/ModelsTests/Fixtures/make_html_entities.py; not by hand.

/// The named character references of HTML.
///
/// Source: HTML Living Standard, "Named character references"; some are known without their semicolon too.
enum HTMLEntities {{
    /// NAME=SCALAR[,SCALAR], with the semicolon that belongs to a name, and scalars in hexadecimal.
    static let table = """
{text}        """
}}
'''
)
