"""Scene: the bodies of one phantom patient in the order in which they are painted; later ones win."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from medloom.converters.phantom.shapes import Ellipsoid, Shape, Triple


@dataclass(frozen=True)
class Part:
    """One body. `value` is in HU for CT, in signal for MR; `texture` is the amplitude of its grain in the same units.

    `concept` is what its voxels are labelled; None labels them background. A `tint` changes values and no label.
    `object_id` names a body whose truth is given one by one (a lesion); `role` is what an unlabelled body is, for those
    who need it; `edge_mm` blurs its border.
    """

    shape: Shape
    value: float
    concept: str | None = None
    texture: float = 0.0
    tint: bool = False
    object_id: str | None = None
    edge_mm: float = 0.0
    role: str | None = None


MARROW = 0.7


@dataclass(frozen=True)
class Strand:
    """A tube along `points` (n, 3), RAS mm, `step_mm` apart.

    `value` is what it adds where it is solid, `marrow` what its inner part, of MARROW times the radius, adds to that.
    """

    points: NDArray[np.float64]
    radius_mm: float
    step_mm: float
    value: float
    marrow: float = 0.0

    def moved(self, factors: Triple) -> Strand:
        """In coordinates stretched by `factors`; a negative one mirrors. Radius and step stay those of the body."""
        return replace(self, points=self.points * np.array(factors))


@dataclass(frozen=True)
class Scene:
    """`parts` in painting order over a background of `air`; `strands` are added last."""

    parts: tuple[Part, ...]
    strands: tuple[Strand, ...]
    air: float

    def shapes(self, concept: str) -> list[Shape]:
        """The bodies that together make up a concept."""
        return [part.shape for part in self.parts if part.concept == concept and not part.tint]

    def lesions(self) -> list[tuple[Part, Ellipsoid]]:
        """The parts whose truth is given one by one."""
        return [
            (part, part.shape)
            for part in self.parts
            if part.object_id is not None and isinstance(part.shape, Ellipsoid)
        ]

    def with_parts(self, *parts: Part) -> Scene:
        return replace(self, parts=(*self.parts, *parts))

    def stretched(self, factors: Triple) -> Scene:
        """A body of other proportions."""
        return replace(
            self,
            parts=tuple(replace(part, shape=part.shape.scaled(factors)) for part in self.parts),
            strands=tuple(strand.moved(factors) for strand in self.strands),
        )

    def mirrored(self) -> Scene:
        """Situs inversus: everything on the other side, and called by the side on which it now lies."""
        return replace(
            self,
            parts=tuple(
                replace(part, shape=part.shape.mirrored(), concept=other_side(part.concept)) for part in self.parts
            ),
            strands=tuple(strand.moved((-1.0, 1.0, 1.0)) for strand in self.strands),
        )


def other_side(concept: str | None) -> str | None:
    """``lung_left`` for ``lung_right`` and the other way round."""
    if concept is None:
        return None
    if concept.endswith("_left"):
        return concept[: -len("left")] + "right"
    return concept[: -len("right")] + "left" if concept.endswith("_right") else concept


def reach(shape: Ellipsoid, bodies: list[Shape]) -> tuple[float, float]:
    """Least and greatest `radius`, over the ellipsoid's surface, in the union of the bodies.

    The ellipsoid lies inside the union where the greatest is below 1, and outside of it where the least is above 1.
    """
    values, vectors = np.linalg.eigh(np.array(shape.form))
    x, y, z = ((_sphere() / np.sqrt(values)) @ vectors.T + np.array(shape.centre)).T
    depth = np.min([body.radius(x, y, z) for body in bodies], axis=0)
    return float(depth.min()), float(depth.max())


def _sphere(count: int = 60) -> NDArray[np.float64]:
    """Points spread evenly over the unit sphere (Fibonacci lattice)."""
    index = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * index / count), np.pi * (1 + 5**0.5) * index
    return np.column_stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)])
