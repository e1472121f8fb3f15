"""The same functions give the same results in this process and on a real Ray cluster."""

from __future__ import annotations

import pytest

from medloom.flows.run import cores_of_servers
from medloom.flows.workers import Workers
from medloom.schemas.errors import BadInput
from medloom.schemas.synthesis import Synthesis


def double(value: int) -> int:
    return 2 * value


def refuse(value: int) -> int:
    raise BadInput("odd", f"{value}", "file")


@pytest.mark.parametrize("count", [0, 2])
def test_results_are_the_same(count: int) -> None:
    with Workers(count) as workers:
        assert sorted(workers.map(double, range(20))) == [2 * value for value in range(20)]
        assert list(workers.map(double, [])) == []
        with pytest.raises(BadInput, match="odd"):
            list(workers.map(refuse, [1]))


def test_jobs_are_drawn_lazily() -> None:
    drawn = []

    def jobs() -> object:
        for number in range(100):
            drawn.append(number)
            yield number

    with Workers(0) as workers:
        results = workers.map(double, jobs())  # type: ignore[arg-type]
        assert next(results) == 0 and len(drawn) == 1


class Server:
    """What an engine starts on Ray: it holds its core until the build ends."""

    def well(self) -> bool:
        return True


def test_servers_leave_the_workers_their_cores() -> None:
    import ray

    with Workers(1, aside=1) as workers:
        workers.ready()
        server = ray.remote(Server).options(num_cpus=1).remote()  # type: ignore[attr-defined]
        assert ray.get(server.well.remote())
        assert ray.get(ray.remote(double).options(num_cpus=1).remote(2), timeout=60) == 4
        assert list(workers.map(double, [1])) == [2]


def test_only_servers_that_are_started_take_cores() -> None:
    model = {"model": "m", "servers": {"count": 2, "cpus": 1.5}}
    there = {"engine": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1"}
    assert cores_of_servers(Synthesis()) == 0
    assert cores_of_servers(Synthesis.model_validate(there)) == 0
    assert cores_of_servers(Synthesis.model_validate({"engine": "vllm", **model})) == 3
    assert cores_of_servers(Synthesis.model_validate({**there, "judge": {"engine": "vllm", **model}})) == 3
