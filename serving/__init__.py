"""The inference service. It knows of the library only `vision_ft.bundle` and `vision_ft.errors`."""
