#!/usr/bin/env python3
"""Changes one comparison, condition or write of a script or statement at a time, and looks whether a test notices.

    Tests/Mutations/mutate.py JobQueueTests Sources/JobQueue/Scripts/settle.lua …
    Tests/Mutations/mutate.py 'JobLedgerTests|JobDeskTests' Sources/JobLedger/SQL/record.sql …

Builds once, with a door through which the changed text comes in (put into the sources for the time of the run, and taken out again);
then every mutant is one run of the tests, which ends with the first failure. Prints what became of each. Slow: not for CI.
MUTATE_JOBS: how many at a time.
"""
import concurrent.futures
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
    'Sources/JobQueue/Scripts.swift': (
        'let rest = body.dropFirst(firstLine.count)', 'let rest = mutated(Array(body.dropFirst(firstLine.count)))[...]',
        'PackageResources.limits_lua + PackageResources.lanes_lua + PackageResources.parked_lua',
        'mutated(PackageResources.limits_lua) + mutated(PackageResources.lanes_lua) + mutated(PackageResources.parked_lua)',
        'PackageResources.shared_lua + (moves', 'mutated(PackageResources.shared_lua) + (moves'),
    'Sources/JobLedger/Statements.swift': ('String(decoding: bytes,', 'String(decoding: mutated(bytes),'),
}
LUA = [
    (r'==', '~='), (r'~=', '=='), (r'#\w+ == 0', 'false'), (r'(if .*?) and ', r'\1 or '), (r'(if .*?) or ', r'\1 and '), (r'\bnot ', ''),
    (r' > ', ' >= '), (r' < ', ' <= '), (r' >= ', ' > '), (r' <= ', ' < '),
    (r'^(\s*)(?:return )?(?:(?:redis\.p?)?call|tell|tell_end|expire|discard|remove|spend|give_back|free_unique|take_keys|remember)\(.*\)( --.*)?$', r'\1do end'),
]
SQL = [
    (r' > ', ' >= '), (r' < ', ' <= '), (r' >= ', ' > '), (r' <= ', ' < '), (r' NOT IN ', ' IN '), (r' IS NULL', ' IS NOT NULL'),
    (r'((?:WHERE|AND|ON|OR|WHEN|IF) .*?) = (?=ANY|[a-z$])', r'\1 <> '), (r'<> ', '= '), (r'IS DISTINCT FROM', 'IS NOT DISTINCT FROM'),
    (r'\b(ELS)?IF (.*?) (THEN|OR)', r'\1IF false \3'), (r' AND [^()]*?(?= AND |$|\n)', ''), (r'\+ 1\b', '+ 2'),
    (r'greatest\((.*?), (.*?)\)', r'\1'), (r'greatest\((.*?), (.*?)\)', r'\2'), (r'coalesce\((.*?), (.*)\)', r'\2'),
    (r'CASE WHEN (.*?) THEN (.*?) ELSE (.*?) END', r'\2'), (r'CASE WHEN (.*?) THEN (.*?) ELSE (.*?) END', r'\3'),
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


def killer(tests, old, new):
    """What the first test that notices says; None when none does."""
    with tempfile.TemporaryDirectory() as folder:
        source, mutant = pathlib.Path(folder, 'from'), pathlib.Path(folder, 'to')
        source.write_text(old)
        mutant.write_text(new)
        environment = dict(os.environ, MUTANT_FROM=str(source), MUTANT_TO=str(mutant), SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH='3')
        # The migration tests compare texts: they would notice every change of a migration, and none of them means anything.
        command = ['timeout', '240', '.build/debug/tidewheelPackageTests.xctest', '--testing-library', 'swift-testing', '--filter', tests,
                   '--skip', 'MigrationTests']
        run = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
        for line in run.stdout:
            if ' recorded an issue ' in line:
                run.terminate()
                run.stdout.read()
                run.wait()
                return line.strip()[2:]
        assert run.wait() not in (126, 127), 'the tests cannot be run'
        return None if run.wait() == 0 else 'the tests did not end'


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
    judge(tests, files)


def judge(tests, files):
    assert killer(tests, 'x', 'x') is None, 'the tests fail without a mutant'
    tries = []
    for path in files:
        text = pathlib.Path(path).read_text()
        body = '\n' + text.split('\n', 1)[1] if text.startswith('#!') else text
        tries += [(path, number, line, body, changed) for number, line, changed in mutants(body, path)]

    def judged(mutant):
        path, number, line, body, changed = mutant
        noticed = killer(tests, body, changed)
        print(f"{'killed  ' if noticed else 'SURVIVES'} {path}:{number}: {line}\n    {noticed or ''}".rstrip(), flush=True)
        return not noticed

    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get('MUTATE_JOBS', '2'))) as pool:
        survived = sum(pool.map(judged, tries))
    print(f'{len(tries)} mutants, {len(tries) - survived} killed, {survived} survived')


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
