"""Write a set of factory parts: pictures in class folders, masks beside them, two tables.

    root/images/<class>/<part>_s<shot>.jpg   pictures; the class is the folder's name
    root/masks/<class>/<part>_s<shot>.png    255 on the defect, 0 elsewhere (good parts: all 0)
    root/boxes.csv                           path,class,x_min,y_min,x_max,y_max (pixels, maxima exclusive)
    root/samples.csv                         path,target,part,group,surface,camera
    root/generator.json                      the settings that made the set

A part is named `<class>_<number>`; it is also its group, for its shots show one and
the same thing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from vision_ft.data.synthetic.files import check_amounts, check_count, claim, write_jpeg, write_png, write_table
from vision_ft.data.synthetic.maps import CLASSES, DEFECTS, SURFACES
from vision_ft.data.synthetic.parts import check, check_size, render_part
from vision_ft.errors import DataError

# Forty good parts and twelve of each defect, the scarcity of a real line's first weeks.
DEFAULT_PARTS: Mapping[str, int] = MappingProxyType({"good": 42, **dict.fromkeys(DEFECTS, 14)})


def generate_surfaces(
    root: Path,
    *,
    parts_per_class: int | Mapping[str, int] = DEFAULT_PARTS,
    shots: int = 4,
    size: tuple[int, int] = (240, 320),
    seed: int = 0,
    surfaces: Sequence[str] = SURFACES,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a set of factory parts to `root` and return it.

    `parts_per_class` is one number for every class, or a number for each class wanted;
    `size` is (height, width). Surfaces take turns: part 0 is of the first, part 1 of
    the second. `progress` is called with (parts done, parts in all). Calling again with
    more parts adds to the set and changes no picture. Raises `DataError` for arguments
    that cannot be met and for a folder that holds something else.
    """
    amounts = check_amounts("parts", parts_per_class, CLASSES)
    check_size(size)
    if not surfaces:
        raise DataError("No surface is asked for", expected=f"some of {', '.join(SURFACES)}")
    for surface in surfaces:
        check(surface, SURFACES, "surface")
    check_count("shots per part", shots, 1, 99)
    fixed = {"seed": seed, "size": list(size), "shots": shots, "surfaces": list(surfaces)}
    claim(root, "surfaces", fixed, amounts)

    samples: list[tuple[object, ...]] = []
    boxes: list[tuple[object, ...]] = []
    todo = [(target, number) for target, count in amounts.items() for number in range(count)]
    for done, (target, number) in enumerate(todo):
        part, surface = f"{target}_{number:03d}", surfaces[number % len(surfaces)]
        for shot in render_part(part, target, surface=surface, shots=shots, size=size, seed=seed):
            name = f"{target}/{part}_s{shot.shot}"
            path = f"images/{name}.jpg"
            write_jpeg(root / path, shot.image)
            write_png(root / f"masks/{name}.png", shot.mask)
            samples.append((path, target, part, part, surface, shot.camera))
            boxes.extend((path, target, *box) for box in shot.boxes)
        if progress is not None:
            progress(done + 1, len(todo))
    write_table(root / "samples.csv", ("path", "target", "part", "group", "surface", "camera"), samples)
    write_table(root / "boxes.csv", ("path", "class", "x_min", "y_min", "x_max", "y_max"), boxes)
    return root
