"""Write a set of road scenes with boxes about their signs.

    root/images/<scene>_s<frame>.jpg   pictures
    root/annotations.json              COCO: images, categories, annotations (bbox = x, y, width, height)
    root/boxes.csv                     path,class,x_min,y_min,x_max,y_max (pixels, maxima exclusive)
    root/samples.csv                   path,group,weather; a picture without signs is listed too
    root/generator.json                the settings that made the set

The frames of one scene are one group.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from vision_ft.bundle.threads import cpu_budget
from vision_ft.data.synthetic.files import check_count, claim, write_jpeg, write_table
from vision_ft.data.synthetic.parts import check_size
from vision_ft.data.synthetic.roads import RoadFrame, render_scene
from vision_ft.data.synthetic.signs import SIGNS


def generate_roads(
    root: Path,
    *,
    scenes: int = 150,
    frames: int = 1,
    size: tuple[int, int] = (480, 640),
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write `scenes` road scenes of `frames` pictures each to `root` and return it.

    `size` is (height, width); `progress` is called with (scenes done, scenes in all).
    Calling again with more scenes adds to the set and changes no picture. Raises
    `DataError` for arguments that cannot be met and for a folder that holds something else.
    """
    check_count("scenes", scenes, 1, 99_999)
    check_count("frames per scene", frames, 1, 99)
    check_size(size)
    claim(root, "roads", {"seed": seed, "size": list(size), "frames": frames}, {"scenes": scenes})

    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    samples: list[tuple[object, ...]] = []
    boxes: list[tuple[object, ...]] = []

    def draw(number: int) -> list[tuple[str, str, RoadFrame]]:
        """Write the pictures of one scene, and give what they show without their pixels."""
        scene = f"scene_{number:05d}"
        drawn = []
        for frame in render_scene(scene, frames=frames, size=size, seed=seed):
            path = f"images/{scene}_s{frame.frame}.jpg"
            write_jpeg(root / path, frame.image)
            drawn.append((path, scene, replace(frame, image=frame.image[:0])))
        return drawn

    with ThreadPoolExecutor(cpu_budget()) as pool:
        for number, drawn in enumerate(pool.map(draw, range(scenes))):
            for path, scene, frame in drawn:
                samples.append((path, scene, frame.weather))
                image_id = len(images) + 1
                images.append({"id": image_id, "file_name": path, "height": size[0], "width": size[1],
                               "group": scene, "weather": frame.weather})  # fmt: skip
                for sign in frame.signs:
                    x0, y0, x1, y1 = sign.box
                    boxes.append((path, sign.name, x0, y0, x1, y1))
                    annotations.append({
                        "id": len(annotations) + 1, "image_id": image_id, "category_id": sign.class_id + 1,
                        "bbox": [x0, y0, x1 - x0, y1 - y0], "area": sign.area, "iscrowd": 0,
                        "visible": round(sign.visible, 3), "distance_m": round(sign.distance, 1),
                    })  # fmt: skip
            if progress is not None:
                progress(number + 1, scenes)
    categories = [{"id": k + 1, "name": name} for k, name in enumerate(SIGNS)]
    document = {"images": images, "categories": categories, "annotations": annotations}
    (root / "annotations.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    write_table(root / "boxes.csv", ("path", "class", "x_min", "y_min", "x_max", "y_max"), boxes)
    write_table(root / "samples.csv", ("path", "group", "weather"), samples)
    return root
