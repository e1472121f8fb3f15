"""Nothing phones home: switched off before any library that would is imported; a user's own setting wins."""

from __future__ import annotations

import os

OFF = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "VLLM_NO_USAGE_STATS": "1",
}


def switch_off() -> None:
    """Sets each library's own opt-out in this process and in all that it starts."""
    for name, value in OFF.items():
        os.environ.setdefault(name, value)
