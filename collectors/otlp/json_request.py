from causeway.errors import BadRequest


def protobuf_of_json(signal: str, payload: bytes) -> bytes:
    raise BadRequest("not yet")
