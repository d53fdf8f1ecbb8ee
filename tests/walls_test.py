"""Components depend one way, by public headers: walls_test.py ROOT

The SDK includes nothing of the others, plugins the SDK, the library also itself, the command and the Python package the
public headers of the library and their own. Inside the library a room includes its own files and those of rooms that
stand above it in the table of core/src/README.md; subcommands share host/src/command. Messages of the library do not name options of the
command, since programs and Python print them too.
"""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1]).resolve()
public = ["core/include", "sdk/include"]
# Files, and the folders beside their own that they may include from.
walls = {
    "sdk/include": ["sdk/include"],
    "plugins": ["sdk/include"],
    "core/include": public,
    "core/src": [*public, "core/src"],
    "core/examples": public,
    "host/src": [*public, "host/src"],
    "host/python": [*public, "host/python"],
}
# Rooms of the command, and whose files they may include besides their own and those of host/src/command.
host_rooms = {"main": {"check"}, "plugins": {"check"}}
everything = [*public, "core/src", "host/src", "host/python"]
suffixes = {".cpp", ".hpp", ".h", ".inc", ".c"}
failures = []


def sources(folder):
    return sorted(path for path in (root / folder).rglob("*") if path.suffix in suffixes)


for folder, allowed in walls.items():
    if not sources(folder):
        failures.append(f"{folder}: there are no sources")
    for path in sources(folder):
        for name in re.findall(r'^\s*#\s*include\s*["<]([^">]+)[">]', path.read_text(), flags=re.M):
            if any((place / name).exists() for place in [path.parent, *(root / place for place in allowed)]):
                continue
            for place in everything:
                if (root / place / name).exists():
                    failures.append(f"{path.relative_to(root)}: includes '{name}' of {place}")

def room_of(path):
    return pathlib.PurePath(path).parts[0].partition(".")[0]


rooms = [room_of(room) for room in re.findall(r"^\| `([\w./]+)` \|", (root / "core/src/README.md").read_text(), re.M)]
for path in sources("core/src"):
    room = room_of(path.relative_to(root / "core/src"))
    if room not in rooms:
        failures.append(f"{path.relative_to(root)}: core/src/README.md does not tell of {room}")
        continue
    for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', path.read_text(), flags=re.M):
        other = room_of(name)
        if (root / "core/src" / name).exists() and (other not in rooms or rooms.index(other) > rooms.index(room)):
            failures.append(f"{path.relative_to(root)}: includes '{name}' of a room above its own")

for path in sources("host/src"):
    room = room_of(path.relative_to(root / "host/src"))
    for name in re.findall(r'^\s*#\s*include\s*"([^"]+)"', path.read_text(), flags=re.M):
        if (root / "host/src" / name).exists() and room_of(name) not in {room, "command"} | host_rooms.get(room, set()):
            failures.append(f"{path.relative_to(root)}: includes '{name}' of another subcommand's room")

for folder in ("core/src", "core/include"):
    for path in sources(folder):
        code = re.sub(r"//.*", "", path.read_text())
        for text in re.findall(r'"((?:[^"\\\n]|\\.)*)"', code):
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", text):
                failures.append(f"{path.relative_to(root)}: a message names {option}, which the command alone has")

print("\n".join(failures))
sys.exit(bool(failures))
