"""The Docker Engine, as far as a run needs it: images, and containers that bear the run's name.

The only module that knows Docker's API. Nothing here is removed by the engine itself (`auto_remove`): a container is
kept until its exit code has been read, because a code that comes from anywhere else can be wrong.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from signal import Signals
from typing import Any

from penstock.provenance.labels import CODE_DIGESTS, ENVIRONMENT_DIGEST
from penstock.sdk import BadInput, PenstockError

RUN = "io.penstock.run"
HOME = "io.penstock.home"


@dataclass(frozen=True)
class Image:
    """An image of this machine, and what its labels say: the environment stands for it in cache keys."""

    name: str
    id: str
    environment_digest: str = ""
    """Empty where `ci/build-images` did not build it."""
    code_digests: Mapping[str, str] | None = None
    """Digest of the code by component."""

    @property
    def digest(self) -> str:
        """Digest of the installed packages; of all that is in it where it does not say what is installed."""
        return self.environment_digest or self.id

    @property
    def identity(self) -> str:
        """The image's id."""
        return self.id

    def __hash__(self) -> int:
        return hash(self.id)


class Engine:
    """One Docker Engine.

    Args:
        address: `unix:///run/docker.sock`; empty for what DOCKER_HOST or the docker context says.

    Raises:
        BadInput: None answers there (operator).
    """

    def __init__(self, address: str) -> None:
        import docker

        self.address = address or os.environ.get("DOCKER_HOST") or _address_of_context()
        try:
            with _told("the Docker Engine"):
                self._client = docker.DockerClient(base_url=self.address, version="auto", timeout=_ANSWER_SECONDS)
                self.cores = float(self._client.info()["NCPU"])
        except PenstockError as error:
            if "Permission denied" in str(error):
                raise BadInput(f"you may not use the Docker Engine at {self.address}", _JOIN) from None
            raise BadInput(f"no Docker Engine answers at {self.address}", _START) from None

    def image(self, reference: str, *, pull: bool) -> Image:
        """Find an image; fetch it from its registry if that is allowed.

        Raises:
            BadInput: It is not here and cannot be had (caller).
        """
        import docker.errors

        try:
            with _told("the Docker Engine"):
                found = self._client.images.get(reference)
        except docker.errors.ImageNotFound:
            if not pull or not names_registry(reference):
                raise BadInput(f"image {reference!r} is not on this machine", _BUILD) from None
            try:
                found = self._client.images.pull(reference)
            except (docker.errors.APIError, OSError) as error:
                raise BadInput(f"image {reference!r} cannot be pulled: {_said(error)}", _BUILD) from None
        labels = found.labels or {}
        codes = labels.get(CODE_DIGESTS)
        return Image(reference, found.id, labels.get(ENVIRONMENT_DIGEST, ""), json.loads(codes) if codes else None)

    def create(self, **options: Any) -> Any:
        """Create a container.

        Raises:
            PenstockError: The engine refuses (operator).
        """
        with _told("the Docker Engine"):
            return self._client.containers.create(**options)

    def start(self, container: Any) -> None:
        """Start a container.

        Raises:
            PenstockError: It cannot be: its command is not in the image, a folder cannot be mounted (caller).
        """
        with _told("the Docker Engine"):
            container.start()

    def output(self, container: Any) -> Iterator[bytes]:
        """What a container writes to standard output and error, until it ends."""
        yield from container.logs(stream=True, follow=True)

    def end_of(self, container: Any) -> dict[str, Any]:
        """Wait for a container's end; its state: ExitCode, OOMKilled, Error."""
        with _told("the Docker Engine"):
            container.wait()
            container.reload()
        state: dict[str, Any] = container.attrs["State"]
        return state

    def kill(self, container: Any, number: Signals) -> None:
        """Send a signal to a container; harmless when it has ended."""
        import docker.errors

        try:
            container.kill(int(number))
        except docker.errors.NotFound:
            pass
        except docker.errors.APIError as error:
            if error.status_code != _CONFLICT:  # it is not running
                raise PenstockError(f"the Docker Engine refuses: {_said(error)}") from error

    def containers(self, label: str, value: str) -> Iterator[Any]:
        """Containers that bear a label, ended ones included."""
        with _told("the Docker Engine"):
            yield from self._client.containers.list(
                all=True, filters={"label": f"{label}={value}"}, ignore_removed=True
            )

    def remove_run(self, run_id: str) -> None:
        """Kill and remove every container of a run."""
        for container in self.containers(RUN, run_id):
            remove(container)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def remove(container: Any) -> None:
    """Kill and remove a container; harmless when it is gone."""
    import docker.errors

    with _told("the Docker Engine"):
        try:
            container.remove(force=True, v=True)
        except docker.errors.NotFound:
            pass
        except docker.errors.APIError as error:
            if error.status_code != _CONFLICT:  # somebody else is removing it
                raise


def names_registry(reference: str) -> bool:
    """Whether a reference says which registry it is from; what does not is an image of this machine.

    `penstock/runtime:0.1.0` is what `ci/build-images` builds. It must never be fetched from whoever has that name in a
    public registry.

    Example:
        >>> names_registry("registry.example.com/ml/penstock/runtime:1"), names_registry("penstock/runtime:0.1.0")
        (True, False)
    """
    first, slash, _ = reference.partition("/")
    return bool(slash) and (bool(re.search(r"[.:]", first)) or first == "localhost")


_ANSWER_SECONDS = 120
"""How long the engine may take to answer [s]; streams and waits for the end have no limit."""
_CONFLICT = 409
_START = "Start it (systemctl start docker), or name another: docker_host in a profile of kind containers"
_JOIN = "Join the group docker (usermod -aG docker NAME, then log in again), or name another in docker_host"
_BUILD = "Run: ci/build-images; or name images of a registry in a profile of kind containers"


def _address_of_context() -> str:
    from docker.context import ContextAPI

    context = ContextAPI.get_current_context()
    return str(context.Host) if context and context.Host else "unix:///var/run/docker.sock"


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn what may go wrong on the way to the engine into one line."""
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.NotFound:
        raise
    except docker.errors.APIError as error:
        raise PenstockError(f"{what} refuses: {_said(error)}") from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise PenstockError(f"{what} does not answer: {_said(error)}") from None


def _said(error: BaseException) -> str:
    text = str(getattr(error, "explanation", None) or error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
