"""Documents name files that exist: documents_test.py ROOT DOCUMENT...

Every word in backquotes that looks like the path of a file (it has a slash and a suffix) must be one, seen from the root
or from the folder of the document; a name in capitals stands for a name to be chosen. Local links must lead somewhere.
"""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1]).resolve()
failures = []
for name in sys.argv[2:]:
    document = root / name
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.M | re.S)
    places = root, document.parent, root / "sdk/include", root / "core/include"
    paths = [word for word in re.findall(r"`([^`\s]+)`", text) if re.fullmatch(r"[\w.-]+(/[\w.-]+)+\.\w+", word)]
    links = [link.split("#")[0] for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text)]
    for path in paths:
        if re.search(r"/?[A-Z]{4,}[./]", path) and not any((place / path).exists() for place in places):
            path = re.split(r"/?[A-Z]{4,}[./]", path)[0]  # the folder that it goes to
        if not any((place / path).exists() for place in places):
            failures.append(f"{name}: there is no '{path}'")
    for link in links:
        if link and not (document.parent / link).exists():
            failures.append(f"{name}: the link '{link}' leads nowhere")
    if not paths:
        failures.append(f"{name}: names no file")
print("\n".join(failures))
sys.exit(bool(failures))
