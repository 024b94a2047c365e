"""What a training run does, as one typed tree."""

from __future__ import annotations

from vision_ft.recipe.load import dump_recipe, load_recipe
from vision_ft.recipe.model import Recipe
from vision_ft.recipe.objective import Objective

__all__ = ["Objective", "Recipe", "dump_recipe", "load_recipe"]
