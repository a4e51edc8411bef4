"""What schemathesis is told beside the document: answers are not held, so that a run is bounded."""
import schemathesis


@schemathesis.hook
def map_headers(context, headers):
    return {name: value for name, value in (headers or {}).items() if name.lower() != "prefer"}


# A worker that waits for jobs is held as well.
@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict) and isinstance(body.get("wait"), (int, float)):
        return {**body, "wait": 0}
    return body
