"""Generated sample data: factory parts with defects, road scenes, tracks of sign crops.

Everything is deterministic from a seed, on any machine, and every part, scene and
track has a random stream of its own: a set that grows keeps its pictures. Three
functions write folders (`generate_surfaces`, `generate_roads`, `generate_signs`);
beneath them, `render_part`, `render_scene` and `render_track` give arrays.
"""

from __future__ import annotations

from vision_ft.data.synthetic.maps import CLASSES, DEFECTS, SURFACES
from vision_ft.data.synthetic.parts import RenderedShot, render_part
from vision_ft.data.synthetic.roads import RoadFrame, RoadSign, render_scene
from vision_ft.data.synthetic.scenes import generate_roads
from vision_ft.data.synthetic.signs import SIGNS
from vision_ft.data.synthetic.surfaces import DEFAULT_PARTS, generate_surfaces
from vision_ft.data.synthetic.tracks import SignCrop, generate_signs, render_track

__all__ = [
    "CLASSES",
    "DEFAULT_PARTS",
    "DEFECTS",
    "SIGNS",
    "SURFACES",
    "RenderedShot",
    "RoadFrame",
    "RoadSign",
    "SignCrop",
    "generate_roads",
    "generate_signs",
    "generate_surfaces",
    "render_part",
    "render_scene",
    "render_track",
]
