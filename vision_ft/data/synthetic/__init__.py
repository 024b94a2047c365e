"""Generated sample data."""
from vision_ft.data.synthetic.maps import CLASSES, DEFECTS, SURFACES
from vision_ft.data.synthetic.parts import RenderedShot, render_part
from vision_ft.data.synthetic.surfaces import DEFAULT_PARTS, generate_surfaces
