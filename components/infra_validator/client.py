"""What `infra_validator` says to the server, in both protocols. Blocking HTTP on this machine, nothing else."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Sequence
from typing import Any

from components.infra_validator.logic import BATCH_ROWS, Row, Score, score_of, v1_body, v2_body

NAME = "candidate"
"""The model's name on the server under test."""
V1_PATH = f"/v1/models/{NAME}:predict"
_V2_PATH = f"/v2/models/{NAME}"


class Silent(Exception):
    """The server gave no answer: it is dead or out of reach, or slower than it may be (`in_time` is False)."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error) or type(error).__name__)
        self.in_time = not isinstance(error, TimeoutError)


class Refused(Exception):
    """The server answered, but not with a prediction."""


class Client:
    """One connection to the server under test.

    Args:
        port: Where it listens on this machine.
        timeout_seconds: How long an answer may take [s].
    """

    def __init__(self, port: int, timeout_seconds: float) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)

    def wait_until_ready(self) -> None:
        """Ask whether the model is ready; the server accepts the connection when there is an answer.

        Raises:
            Silent: It died, or was not ready in time.
            Refused: It runs and says that the model is not ready.
        """
        self._ask("GET", f"{_V2_PATH}/ready")

    def scores_v1(self, rows: Sequence[Row]) -> list[Score]:
        """Score rows in one V1 request."""
        answer = self._ask("POST", V1_PATH, v1_body(rows))
        return _scores(lambda: [score_of(prediction["score"]) for prediction in answer["predictions"]])

    def scores_v2(self, rows: Sequence[Row]) -> list[Score]:
        """Score rows in one V2 request, with the tensor types that the server announces."""
        if not hasattr(self, "_inputs"):
            self._inputs = self._ask("GET", _V2_PATH)["inputs"]
        answer = self._ask("POST", f"{_V2_PATH}/infer", v2_body(rows, self._inputs))
        return _scores(lambda: [s for output in answer["outputs"] if output["name"] == "score" for s in _rows(output)])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        try:
            self._connection.request(method, path, data, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            status, text = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Silent(error) from error
        if status != http.HTTPStatus.OK:
            raise Refused(f"HTTP {status}: {text[:300].decode(errors='replace')}")
        try:
            return json.loads(text)
        except ValueError:
            raise Refused(f"not JSON: {text[:100]!r}") from None


def one_by_one(score: Callable[[Sequence[Row]], list[Score]], rows: Sequence[Row]) -> list[Score]:
    """Score rows, a request each."""
    return [value for row in rows for value in score([row])]


def in_batches(score: Callable[[Sequence[Row]], list[Score]], rows: Sequence[Row]) -> list[Score]:
    """Score rows, many to a request."""
    starts = range(0, len(rows), BATCH_ROWS)
    return [value for start in starts for value in score(rows[start : start + BATCH_ROWS])]


def _scores(read: Callable[[], list[Score]]) -> list[Score]:
    try:
        return read()
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"the answer has not the form of a prediction: {type(error).__name__} {error}") from None


def _rows(output: Any) -> list[Score]:
    """An output tensor of shape [rows, k], whose data is flat, row by row."""
    rows, width = output["shape"]
    numbers = score_of(output["data"])
    if len(numbers) != rows * width:
        raise ValueError(f"{len(numbers)} numbers for the shape {output['shape']}")
    return [numbers[start : start + width] for start in range(0, len(numbers), width)]
