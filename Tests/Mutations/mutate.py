#!/usr/bin/env python3
"""Changes one comparison, condition or write of a script or statement at a time, and looks whether a test notices.

    Tests/Mutations/mutate.py JobQueueTests Sources/JobQueue/Scripts/settle.lua …
    Tests/Mutations/mutate.py 'JobLedgerTests|JobDeskTests' Sources/JobLedger/SQL/record.sql …

Builds once, with a door through which the changed text comes in (put into the sources for the time of the run, and taken out again);
then every mutant is one run of the tests. Prints the survivors. Slow: not for CI.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

DOOR = '''internal import FoundationEssentials

/// A text with a mutant in the place of what it was made from.
package func mutated(_ bytes: [UInt8]) -> [UInt8] {
    let environment = ProcessInfo.processInfo.environment
    guard let from = environment["MUTANT_FROM"], let to = environment["MUTANT_TO"], let old = FileManager.default.contents(atPath: from),
        let new = FileManager.default.contents(atPath: to)
    else { return bytes }
    let text = String(decoding: bytes, as: UTF8.self)
    return Array(text.replacing(String(decoding: old, as: UTF8.self), with: String(decoding: new, as: UTF8.self)).utf8)
}
'''
DOORS = {
    'Sources/JobQueue/Scripts.swift': ('source: firstLine', 'source: mutated(firstLine', 'dropFirst(firstLine.count))', 'dropFirst(firstLine.count)))'),
    'Sources/JobLedger/Statements.swift': ('String(decoding: bytes,', 'String(decoding: mutated(bytes),'),
}
LUA = [
    (r'==', '~='), (r'~=', '=='), (r' and ', ' or '), (r' or ', ' and '), (r'\bnot ', ''), (r' > ', ' >= '), (r' < ', ' <= '),
    (r' >= ', ' > '), (r' <= ', ' < '), (r'^(\s*)(redis\.p?call\(.*\)|tell\(.*\)|expire\(.*\)|discard\(.*\)|return discard\(.*\))( --.*)?$', r'\1do end'),
]
SQL = [
    (r' > ', ' >= '), (r' < ', ' <= '), (r' >= ', ' > '), (r' <= ', ' < '), (r' NOT IN ', ' IN '), (r' IS NULL', ' IS NOT NULL'),
    (r' AND [^()]*?(?= AND |$|\n)', ''), (r' AND ', ' OR '), (r'\+ 1\b', '+ 2'), (r'greatest\((.*?), (.*?)\)', r'\1'),
    (r'greatest\((.*?), (.*?)\)', r'\2'), (r'coalesce\((.*?), (.*)\)', r'\2'), (r'CASE WHEN (.*?) THEN (.*?) ELSE (.*?) END', r'\2'),
    (r'CASE WHEN (.*?) THEN (.*?) ELSE (.*?) END', r'\3'),
]


def mutants(text, name):
    """(line number, changed line, whole changed text): every place of every rule, comments left alone."""
    lines = text.split('\n')
    rules, comment = (LUA, '--') if name.endswith('.lua') else (SQL, '--')
    for number, line in enumerate(lines):
        code = line.split(comment)[0]
        for pattern, new in rules:
            for match in re.finditer(pattern, code):
                changed = code[:match.start()] + match.expand(new) + code[match.end():]
                if changed != code:
                    yield number + 1, changed.strip(), '\n'.join(lines[:number] + [changed] + lines[number + 1:])


def survives(tests, old, new):
    with tempfile.TemporaryDirectory() as folder:
        source, mutant = pathlib.Path(folder, 'from'), pathlib.Path(folder, 'to')
        source.write_text(old)
        mutant.write_text(new)
        environment = dict(os.environ, MUTANT_FROM=str(source), MUTANT_TO=str(mutant), SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH='3')
        command = ['.build/debug/tidewheelPackageTests.xctest', '--testing-library', 'swift-testing', '--filter', tests]
        try:
            run = subprocess.run(command, env=environment, capture_output=True, timeout=240)
        except subprocess.TimeoutExpired:
            return False
        return run.returncode == 0


def main(tests, files):
    kept = {path: pathlib.Path(path).read_text() for path in DOORS}
    door = pathlib.Path('Sources/JobModel/Mutant.swift')
    try:
        door.write_text(DOOR)
        for path, changes in DOORS.items():
            text = kept[path]
            for old, new in zip(changes[::2], changes[1::2]):
                assert old in text, f'{path} has no {old}'
                text = text.replace(old, new)
            pathlib.Path(path).write_text(text if 'import JobModel' in text else 'internal import JobModel\n' + text)
        subprocess.run(['swift', 'build', '--build-tests', *os.environ.get('MUTATE_BUILD', '').split()], check=True, stdout=subprocess.DEVNULL)
    finally:
        door.unlink(missing_ok=True)
        for path, text in kept.items():
            pathlib.Path(path).write_text(text)
    assert survives(tests, 'x', 'x'), 'the tests fail without a mutant'
    tried = killed = 0
    for path in files:
        text = pathlib.Path(path).read_text()
        body = text.split('\n', 1)[1] if path.endswith('.lua') and text.startswith('#!') else text
        for number, line, changed in mutants(body, path):
            tried += 1
            if survives(tests, body, changed):
                print(f'SURVIVES {path}:{number + (body is not text)}: {line}', flush=True)
            else:
                killed += 1
    print(f'{tried} mutants, {killed} killed, {tried - killed} survived')


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
