"""A folder served again at once after its supervisor was killed, while the gateway it left still answers."""

import threading

import pytest

from penstock.serving.gateway.routing import Route
from penstock.serving.twins.local_serving import LocalServing, ServingOptions
from penstock.serving.twins.programs import Programs
from tests.servers.gateway import PYTHON, REPOSITORY, Gateway, until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON.exists(), reason="no serving environment (make setup)")]


def test_a_gateway_that_still_drains_is_not_spoken_to_and_takes_nothing_away(tmp_path):
    left = Gateway(tmp_path)
    left.reset(Route(stable="a"))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(left.predict({"do": "wait", "seconds": 6.0})))
    asking.start()
    until(lambda: left.client.state()["in_flight"] == 1)
    left.process.stdin.close()  # as the kernel does when the supervisor is gone
    options = ServingOptions("small", port=0)
    with LocalServing(Programs(PYTHON, (REPOSITORY / "src",)), tmp_path, options) as serving:
        assert left.process.poll() is None
        assert serving.gateway.state()["backends"] == {}, "it spoke to the gateway that was left"
        left.process.wait(60)
        assert serving.gateway.state()["in_flight"] == 0
    asking.join(10)
    assert [answer.status_code for answer in answers] == [200], "who had asked was answered"
    left.stop()
