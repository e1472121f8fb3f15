"""What must be started at least: an empty Prefect flow and a bare `ray.init`, one after the other.

Both as medloom asks for them: Prefect with its embedded server, Ray with two processors and no dashboard.
"""

from __future__ import annotations

import json
import logging
import os
import time

from medloom.flows.flow import SETTINGS
from medloom.flows.telemetry import switch_off


def main() -> None:
    switch_off()
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    began = time.perf_counter()
    from prefect import flow

    flow(name="empty")(lambda: None)()
    flown = time.perf_counter()
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
             object_store_memory=128 * 2**20)  # fmt: skip
    started = time.perf_counter()
    ray.shutdown()
    print(json.dumps({"prefect": flown - began, "ray": started - flown, "seconds": started - began}))


if __name__ == "__main__":
    main()
