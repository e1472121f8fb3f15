"""Ids of the records of one fixed scene: another id is another corpus for everyone, so they change knowingly."""

from __future__ import annotations

from medloom.schemas.sample import Acquisition
from medloom.schemas.view import Derivation
from medloom.synthesis.registry import load_task, task_names
from medloom.synthesis.scene import Point, WholeVolume
from medloom.synthesis.task import CaseTask, PatientTask

IDS = {
    "caption": ["274f5f4f"],
    "caption.knowledge": ["7e934b26"],
    "counting": ["685ae541", "e594a487"],
    "counting.boxes": ["bcc0a97e", "24f3a242"],
    "counting.points": ["caa25732", "e25791c4"],
    "grounding.box": ["a6d00cd1", "a5012c3c", "1865b838", "36caa901"],
    "grounding.mask": ["0bc76c4d", "b32d28aa"],
    "grounding.point": ["533d841f", "92519161", "789afb97", "0f94910b", "6d58fdb9", "fd500634"],
    "grounding.region": ["4bcb1b80", "7d98fa86"],
    "measurement.angle": ["01a2ed76"],
    "measurement.area": ["15cf1f9a"],
    "measurement.distance": ["25d5925b", "262c3857"],
    "measurement.size": ["b7d95370"],
    "measurement.volume": ["520e4d01"],
    "reasoning.box": ["6f1aa271", "2417da49", "a2262292"],
    "vqa.closed": ["fee7b19b", "1ca01101", "812a71db", "3f7be869", "ac429e2d", "9036e288"],
    "vqa.multiple_choice": ["c0d444fa"],
    "vqa.open": ["44e101d4", "54c93488", "986e1d07"],
    "vqa.single_choice": ["f2ed62e4"],
}
PARAMS = {"measurement.angle": {"lines": [[["heart", "lung_left"], ["lung_right", "platelet"]]]}}


def test_ids_of_a_fixed_scene(make_scene, disc, context) -> None:
    lesion = disc("liver_lesion", (60, 60), 12, (0.8, 2.5), component=1, volume_mm3=4321.0)
    cells = (disc("red_blood_cell", (20, 20)), disc("white_blood_cell", (150, 110), 20))
    fact = make_scene().region_fact
    marks = (("heart", (1.0, 1.0)), ("lung_left", (9.0, 40.0)), ("lung_right", (50.0, 3.0)), ("platelet", (70.0, 90.0)))
    scene = make_scene(
        labels={"pneumonia": "present", "cardiomegaly": "absent", "pleural_effusion": "absent"},
        instances=(lesion, *cells),
        complete=frozenset({"liver_lesion", "red_blood_cell", "white_blood_cell", "platelet"}),
        key="golden",
        volumes=(WholeVolume("liver_lesion", 4321.0, lesion.fact),),
        points=tuple(Point(concept, xy, fact) for concept, xy in marks),
        spacing_mm=(0.8, 2.5),
        orientation=("L", "P"),
        acquisition=Acquisition(modality="ct", body_part="abdomen"),
        derivation=Derivation(plane="axial", slice_index=3),
    )
    found = {
        name: [record.id[:8] for record in load_task(name, PARAMS.get(name, {})).records(scene, context)]
        for name in task_names()
        if not isinstance(load_task(name, PARAMS.get(name, {})), CaseTask | PatientTask)
    }
    assert all(found.values())
    assert found == IDS
