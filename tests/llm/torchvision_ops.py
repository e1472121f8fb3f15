"""Lets torchvision's wheel load beside a torch for processors, in `.venv-vllm` alone.

The only torchvision that can be had is built for CUDA: its own library doesn't load, and what it would have registered
is then looked up at import. Two operators that nobody here calls are named in its place. `make vllm-cpu` puts this file
and a ``.pth`` that imports it into that environment, since vLLM starts processes of its own.
"""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder


class _Before(MetaPathFinder):
    """Names the operators when torchvision is about to be found, and finds nothing itself."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname != "torchvision":
            return
        sys.meta_path.remove(self)
        import torch

        torch.library.define("torchvision::nms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        torch.library.define("torchvision::qnms", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


sys.meta_path.insert(0, _Before())
