"""Affine transforms as ITK writes them to text files, in RAS mm.

An ITK transform maps points of the output space to the input space, in LPS mm: ``study_to_common.txt``, with which an
image of a study is resampled into a common space, maps points of the common space to those of the study
(itk::ResampleImageFilter, ITK Software Guide 2.9).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medloom.schemas.errors import BadInput

MAX_BYTES = 1 << 16
_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_LINES = re.compile(r"^(Transform|Parameters|FixedParameters):[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)
Numbers = NDArray[np.float64]


def read_itk_transform(path: Path) -> Numbers:
    """4×4, RAS mm to RAS mm. Several transforms in one file are applied last first, as itk::CompositeTransform does.

    Raises BadInput: ``not_a_transform`` (no text file of ITK, or numbers that are none), ``unsupported_transform`` (one
    that is not affine, or can't be turned round).
    """
    data = path.read_bytes()[: MAX_BYTES + 1]
    if len(data) > MAX_BYTES or not data.startswith(b"#Insight Transform File V1.0"):
        raise BadInput("not_a_transform", "no text that begins with '#Insight Transform File V1.0'")
    whole = np.eye(4)
    kind: str | None = None
    found: list[Numbers] = []
    numbers = np.zeros(0)
    for name, said in _LINES.findall(data.decode("ascii", "replace")):
        if name == "Transform":
            kind = said
        elif name == "Parameters":
            numbers = _numbers(said)
        elif kind is not None:
            found.append(_matrix(kind, numbers, _numbers(said)))
    if kind is None or (len(found) == 0 and not kind.startswith("Composite")):
        raise BadInput("not_a_transform", "it states no transform with its parameters")
    for matrix in found:
        whole = whole @ matrix
    if not np.isfinite(whole).all() or abs(np.linalg.det(whole[:3, :3])) < 1e-6:
        raise BadInput("unsupported_transform", "it can't be turned round")
    return np.asarray(_LPS @ whole @ _LPS)


def _numbers(said: str) -> Numbers:
    try:
        return np.array([float(word) for word in said.split()])
    except ValueError:
        raise BadInput("not_a_transform", f"{said!r:.60} are no numbers") from None


def _matrix(kind: str, numbers: Numbers, fixed: Numbers) -> Numbers:
    """4×4 in LPS: x goes to M (x - centre) + centre + translation."""
    base = kind.split("_", 1)[0]
    if kind.startswith("CompositeTransform") or base == "IdentityTransform":
        return np.eye(4)
    if base == "TranslationTransform" and len(numbers) == 3:
        return _placed(np.eye(3), numbers, np.zeros(3))
    if len(fixed) >= 3:
        if base in ("AffineTransform", "MatrixOffsetTransformBase") and len(numbers) == 12:
            return _placed(numbers[:9].reshape(3, 3), numbers[9:], fixed[:3])
        if base == "Euler3DTransform" and len(numbers) == 6:
            return _placed(_euler(numbers[:3], len(fixed) > 3 and fixed[3] != 0), numbers[3:], fixed[:3])
        if base == "VersorRigid3DTransform" and len(numbers) == 6:
            return _placed(_versor(numbers[:3]), numbers[3:], fixed[:3])
    raise BadInput("unsupported_transform", f"{kind} with {len(numbers)} parameters")


def _placed(matrix: Numbers, translation: Numbers, centre: Numbers) -> Numbers:
    whole = np.eye(4)
    whole[:3, :3] = matrix
    whole[:3, 3] = centre + translation - matrix @ centre
    return whole


def _euler(angles: Numbers, zyx: bool) -> Numbers:
    """Rotations about the axes, Z·X·Y as itk::Euler3DTransform multiplies them, or Z·Y·X."""
    (cx, sx), (cy, sy), (cz, sz) = ((np.cos(angle), np.sin(angle)) for angle in angles.tolist())
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x if zyx else about_z @ about_x @ about_y)


def _versor(vector: Numbers) -> Numbers:
    """The rotation of a unit quaternion of which only the vector part is stated."""
    square = float(vector @ vector)
    if square > 1:
        raise BadInput("not_a_transform", "a versor longer than 1")
    x, y, z = vector.tolist()
    w = np.sqrt(1 - square)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
