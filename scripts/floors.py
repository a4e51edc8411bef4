#!/usr/bin/env python3
"""Checks that the house stands: imports are declared, dependencies point to lower floors, no file is longer than 400 lines.

Reads `swift package dump-package` and the imports under Sources and Tests. Prints file:line for everything that is wrong.
"""
import json
import pathlib
import re
import subprocess
import sys

FLOORS = [
    ["CHiredis", "CLibPQ", "CCurl", "CLibXML2", "CCrypto", "CMalloc"],
    ["RedisWire", "PostgresWire", "WebFetch", "PageText", "JobModel", "PrivateServers"],
    ["JobQueue", "JobLedger", "Services", "TidewheelClient"],
    ["JobDesk"],
    ["JobRunner", "JobKinds"],
    ["JobAPI", "ToolServer", "JobBench"],
    ["tidewheel", "TidewheelWorker"],
]
LONGEST = 400
# What the migrations add up to, in one file because people load it as one, and the statements of the release before; tests compare both.
AS_LONG_AS_IT_TAKES = {"Sources/JobLedger/Schema/schema.sql", "schema.sql", "Tests/Released/statements.sql"}

# Modules that come with the toolchain or the system.
TOOLCHAIN = {
    "Swift", "Glibc", "FoundationEssentials", "Dispatch", "Synchronization", "Testing", "PackageDescription", "_Concurrency",
}
# Not in the program: it would carry ICU's tables.
TESTS_MAY = {"Foundation"}
IMPORT = re.compile(
    r"^\s*(?:@[A-Za-z_]+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?"
    r"import\s+(?:(?:struct|class|enum|protocol|typealias|func|var|let)\s+)?([A-Za-z_][A-Za-z0-9_]*)")


def imports(path):
    """(line, module) of each import. Strings over several lines and comments are skipped."""
    in_text = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.count('"""') % 2:
            in_text = not in_text
            continue
        found = None if in_text else IMPORT.match(line)
        if found:
            yield number, found.group(1)


def declared(target):
    """Names that a target's dependencies give it to import."""
    names = set()
    for dependency in target["dependencies"]:
        kind, value = next(iter(dependency.items()))
        names.add(value[0])
    return names


def problems(root):
    package = json.loads(subprocess.run(
        ["swift", "package", "dump-package"], cwd=root, check=True, capture_output=True, text=True).stdout)
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    targets = {target["name"]: target for target in package["targets"]}
    for name, target in targets.items():
        is_test = target["type"] == "test" or name in ("TestServers", "FaultWorker", "GuestWorker", "StandInServer")
        if not is_test and name not in floor:
            yield f"Package.swift: the target {name} has no floor: add it to FLOORS in scripts/floors.py"
            continue
        directory = root / (target.get("path") or f"{'Tests' if target['type'] == 'test' else 'Sources'}/{name}")
        allowed = declared(target) | (TESTS_MAY if is_test else set())
        if not is_test:
            for other in sorted(allowed & set(floor)):
                if floor[other] >= floor[name]:
                    yield f"Package.swift: {name} (floor {floor[name]}) depends on {other} (floor {floor[other]})"
        for path in sorted(directory.rglob("*.swift")):
            for line, module in imports(path):
                if module not in TOOLCHAIN and module not in allowed and module != name:
                    yield f"{path.relative_to(root)}:{line}: imports {module}, which Package.swift does not declare for {name}"
    for name in floor:
        if name not in targets:
            yield f"scripts/floors.py: there is no target {name}"


def long_files(root):
    suffixes = {".swift", ".lua", ".sql", ".py", ".c", ".h", ".sh"}
    for top in ("Sources", "Tests", "scripts", "deploy", ".ci"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix in suffixes and path.is_file() and ".venv" not in path.parts:
                lines = path.read_bytes().count(b"\n")
                if lines > LONGEST and str(path.relative_to(root)) not in AS_LONG_AS_IT_TAKES:
                    yield f"{path.relative_to(root)}:{LONGEST + 1}: the file has {lines} lines, more than {LONGEST}"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    found = list(problems(root)) + list(long_files(root))
    for problem in found:
        print(problem)
    print(f"floors: {len(found)} problem{'' if len(found) == 1 else 's'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
