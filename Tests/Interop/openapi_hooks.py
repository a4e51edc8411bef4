"""What schemathesis is told beside the document: answers are not held, so that a run is bounded, and there are things to ask for."""
import json
import os
import zlib

import schemathesis

# By the segment of the path before the parameter: what may stand there.
THERE = json.loads(os.environ.get("TIDEWHEEL_THERE", "{}"))


@schemathesis.hook
def map_headers(context, headers):
    return {name: value for name, value in (headers or {}).items() if name.lower() != "prefer"}


# A worker that waits for jobs is held as well.
@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict) and isinstance(body.get("wait"), (int, float)):
        return {**body, "wait": 0}
    return body


# Every second time; which, and what of it, follows from the generated values.
@schemathesis.hook
def map_path_parameters(context, parameters):
    number = zlib.crc32(repr(parameters).encode())
    if not parameters or number % 2:
        return parameters
    segments = context.operation.path.split("/")
    return {name: there(segments[segments.index("{" + name + "}") - 1], number // 2, value) for name, value in parameters.items()}


def there(segment, number, otherwise):
    values = THERE.get(segment)
    return values[number % len(values)] if values else otherwise
