"""Errors as TensorFlow names them, and what they become on HTTP."""

import json

HTTP_STATUS = {
    "OK": 200,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
"""absl status code to HTTP status: ToHTTPStatusCode in model_servers/http_server.cc."""


class ServingError(Exception):
    """A request or a load that failed, with its status code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def http_status(self) -> int:
        """Status of the HTTP answer."""
        return HTTP_STATUS[self.code]


def invalid_argument(message: str) -> ServingError:
    """The client's mistake."""
    return ServingError("INVALID_ARGUMENT", message)


def not_found(message: str) -> ServingError:
    """No such model, version or label."""
    return ServingError("NOT_FOUND", message)


def error_body(message: str) -> str:
    """JSON of an error, laid out as rapidjson's PrettyWriter does."""
    return json.dumps({"error": message}, indent=4, ensure_ascii=False)
